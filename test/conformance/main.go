// The conformance suite: tests the plugin against RFC 8441, 9113 and 6455, frame by frame, with independent
// implementations of HTTP/2 and WebSocket.
//
//	go run . [-run close/] [-transport tls|h2c] [-v] [-results folder] [-list]
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
	pattern := flag.String("run", "", "run the cases whose names match this regular expression")
	transport := flag.String("transport", "", `run the cases only over "tls" or "h2c"`)
	verbose := flag.Bool("v", false, "print the expected and actual values of all checks")
	folder := flag.String("results", "", "write results.txt and results.json to this folder")
	list := flag.Bool("list", false, "list the cases")
	flag.Parse()
	allowExtendedConnect()

	selected := selectCases(regexp.MustCompile(*pattern))
	if *list {
		for _, each := range selected {
			fmt.Printf("%-45s %s\n", each.Name, each.RFC)
		}
		return
	}
	results := runAll(selected, *transport)
	var table bytes.Buffer
	passed, failed := report(io.MultiWriter(os.Stdout, &table), selected, results, *verbose)
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

// allowExtendedConnect runs this program again with Extended CONNECT enabled in x/net, which reads GODEBUG when it is
// loaded.
func allowExtendedConnect() {
	const setting = "http2xconnect=1"
	current := os.Getenv("GODEBUG")
	if strings.Contains(current, setting) {
		return
	}
	again := exec.Command(os.Args[0], os.Args[1:]...)
	again.Env = append(os.Environ(), "GODEBUG="+strings.TrimPrefix(current+","+setting, ","))
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := again.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(again.ProcessState.ExitCode())
}

func selectCases(pattern *regexp.Regexp) []Case {
	var selected []Case
	for _, each := range cases {
		if pattern.MatchString(each.Name) {
			selected = append(selected, each)
		}
	}
	return selected
}

// runAll runs the cases over both transports concurrently.
func runAll(selected []Case, transport string) []Result {
	var all []Result
	var group sync.WaitGroup
	var lock sync.Mutex
	for _, tls := range []bool{true, false} {
		name := map[bool]string{true: "tls", false: "h2c"}[tls]
		if transport != "" && transport != name {
			continue
		}
		group.Go(func() {
			results := runOver(selected, tls)
			lock.Lock()
			defer lock.Unlock()
			all = append(all, results...)
		})
	}
	group.Wait()
	return all
}

func runOver(selected []Case, tls bool) []Result {
	shared := mustStartServer(serverOptions{TLS: tls})
	defer shared.stop()
	fmt.Printf("over %s: a server on Node %d\n", shared.name(), shared.Node)
	var results []Result
	for _, each := range selected {
		if each.Only != "" && each.Only != shared.name() {
			continue
		}
		server := shared
		if each.Server != nil {
			options := *each.Server
			options.TLS = tls
			server = mustStartServer(options)
		}
		results = append(results, run(each, server))
		if server != shared {
			server.stop()
		}
	}
	return results
}

func mustStartServer(options serverOptions) *TestServer {
	server, err := startServer("server.js", options)
	check(err)
	return server
}
