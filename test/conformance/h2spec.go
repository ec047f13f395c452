package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// One case of h2spec, and how it ended.
type specCase struct {
	Section string    `xml:"package,attr"`
	Name    string    `xml:"classname,attr"`
	Failure *struct{} `xml:"failure"`
	Error   *struct{} `xml:"error"`
	Skipped *struct{} `xml:"skipped"`
}

func (each specCase) String() string {
	switch {
	case each.Failure != nil || each.Error != nil:
		return "failed"
	case each.Skipped != nil:
		return "skipped"
	default:
		return "passed"
	}
}

// h2spec asks a server what it asks of any HTTP/2 server, in the order of its cases.
func h2spec(target *Target) ([]specCase, error) {
	folder, err := os.MkdirTemp("", "h2spec")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "report.xml")
	arguments := []string{"tool", "h2spec", "--port", fmt.Sprint(target.Port), "--path", "/plain", "--junit-report", file}
	if target.TLS {
		arguments = append(arguments, "--tls", "--insecure")
	}
	// Its exit code says that some failed, as some of Node's own do.
	output, _ := exec.Command("go", arguments...).CombinedOutput()

	encoded, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("h2spec wrote no report: %w\n%s", err, output)
	}
	var report struct {
		Suites []struct {
			Cases []specCase `xml:"testcase"`
		} `xml:"testsuite"`
	}
	// It quotes the bytes that it got.
	encoded = bytes.ReplaceAll(encoded, []byte{0}, nil)
	if err := xml.Unmarshal(encoded, &report); err != nil {
		return nil, err
	}
	var all []specCase
	for _, suite := range report.Suites {
		all = append(all, suite.Cases...)
	}
	return all, nil
}

// A case of h2spec gives a server two seconds, which a busy machine may not have: what looks worse is asked again.
const h2specTries = 3

// comparison is a case on Node's http2 alone, and with the plugin.
type comparison struct{ bare, ours specCase }

func (both comparison) isWorse() bool {
	return both.bare.String() == "passed" && both.ours.String() != "passed"
}

func compare(t *T) []comparison {
	bare, err := startTarget("bare.js", serverOptions{TLS: t.target.TLS})
	t.equal("the start of the bare server", err, nil)
	defer bare.stop()
	var all []comparison
	for range h2specTries {
		all = nil
		theirs, err := h2spec(bare)
		t.equal("h2spec", err, nil)
		ours, err := h2spec(t.target)
		t.equal("h2spec", err, nil)
		t.equal("cases", len(ours), len(theirs))
		for i := range ours {
			all = append(all, comparison{theirs[i], ours[i]})
		}
		if !slices.ContainsFunc(all, comparison.isWorse) {
			break
		}
	}
	return all
}

var _ = group("h2spec",
	Case{Name: "no-case-worse-than-node", RFC: "RFC 9113", Server: ownServer, Run: func(t *T) {
		all := compare(t)
		t.holds("there are cases", len(all) > 100, len(all))
		for _, both := range all {
			name := fmt.Sprintf("%s %s (without the plugin: %s)", both.ours.Section, both.ours.Name, both.bare)
			t.holds(name, !both.isWorse(), both.ours)
		}
	}},
)
