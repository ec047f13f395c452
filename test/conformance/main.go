// The conformance suite: what RFC 8441 changes about HTTP/2 and WebSocket, asked of the plugin by another
// implementation of both, frame by frame.
//
//	go run . [-run close/] [-over tls|h2c] [-v] [-results folder] [-list]
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

func main() {
	pattern := flag.String("run", "", "run the cases whose name this regular expression matches")
	over := flag.String("over", "", `only over "tls" or "h2c"`)
	verbose := flag.Bool("v", false, "print what every case expected and got")
	folder := flag.String("results", "", "write results.txt and results.json into this folder")
	list := flag.Bool("list", false, "name the cases")
	flag.Parse()
	allowExtendedConnect()

	chosen := choose(regexp.MustCompile(*pattern))
	if *list {
		for _, each := range chosen {
			fmt.Printf("%-45s %s\n", each.Name, each.RFC)
		}
		return
	}
	results := runAll(chosen, *over)
	var table bytes.Buffer
	passed, failed := report(io.MultiWriter(os.Stdout, &table), chosen, results, *verbose)
	if *folder != "" {
		check(os.MkdirAll(*folder, 0o755))
		check(os.WriteFile(filepath.Join(*folder, "results.txt"), table.Bytes(), 0o644))
		encoded, err := json.MarshalIndent(results, "", "  ")
		check(err)
		check(os.WriteFile(filepath.Join(*folder, "results.json"), encoded, 0o644))
	}
	fmt.Printf("\n%d passed, %d failed\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// allowExtendedConnect starts this program anew where x/net's client may not do what we test it with: it asks the
// environment, once, when it is loaded.
func allowExtendedConnect() {
	const allowed = "http2xconnect=1"
	given := os.Getenv("GODEBUG")
	if strings.Contains(given, allowed) {
		return
	}
	again := exec.Command(os.Args[0], os.Args[1:]...)
	again.Env = append(os.Environ(), "GODEBUG="+strings.TrimPrefix(given+","+allowed, ","))
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := again.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(again.ProcessState.ExitCode())
}

func choose(pattern *regexp.Regexp) []Case {
	var chosen []Case
	for _, each := range cases {
		if pattern.MatchString(each.Name) {
			chosen = append(chosen, each)
		}
	}
	return chosen
}

// runAll runs the cases over both transports at once.
func runAll(chosen []Case, over string) []Result {
	var all []Result
	var group sync.WaitGroup
	var lock sync.Mutex
	for _, tls := range []bool{true, false} {
		name := map[bool]string{true: "tls", false: "h2c"}[tls]
		if over != "" && over != name {
			continue
		}
		group.Go(func() {
			results := runOver(chosen, tls)
			lock.Lock()
			defer lock.Unlock()
			all = append(all, results...)
		})
	}
	group.Wait()
	return all
}

func runOver(chosen []Case, tls bool) []Result {
	shared := mustStart(serverOptions{TLS: tls})
	defer shared.stop()
	fmt.Printf("over %s: a server on Node %d\n", shared.name(), shared.Node)
	var results []Result
	for _, each := range chosen {
		if each.Only != "" && each.Only != shared.name() {
			continue
		}
		target := shared
		if each.Server != nil {
			options := *each.Server
			options.TLS = tls
			target = mustStart(options)
		}
		results = append(results, run(each, target))
		if target != shared {
			target.stop()
		}
	}
	return results
}

func mustStart(options serverOptions) *Target {
	target, err := startTarget("server.js", options)
	check(err)
	return target
}
