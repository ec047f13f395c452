package main

import (
	"fmt"
	"io"
	"strings"
)

// report prints a row for each case, and the checks that failed, or all if verbose. Returns the counts.
func report(out io.Writer, selected []Case, results []Result, verbose bool) (passed, failed int) {
	fmt.Fprintf(out, "%-42s %-34s %-6s %-6s\n", "case", "required by", "TLS", "h2c")
	for _, each := range selected {
		byTransport := map[string]Result{}
		for _, result := range results {
			if result.Name == each.Name {
				byTransport[result.Transport] = result
			}
		}
		fmt.Fprintf(out, "%-42s %-34s %-6s %-6s\n", each.Name, each.RFC, verdict(byTransport, "TLS"), verdict(byTransport, "h2c"))
		for _, name := range []string{"TLS", "h2c"} {
			result, ran := byTransport[name]
			if !ran {
				continue
			}
			if result.Passed {
				passed++
			} else {
				failed++
			}
			printChecks(out, result, verbose)
		}
	}
	return
}

func verdict(byTransport map[string]Result, name string) string {
	result, ran := byTransport[name]
	switch {
	case !ran:
		return "-"
	case result.Passed:
		return "ok"
	default:
		return "FAILED"
	}
}

func printChecks(out io.Writer, result Result, verbose bool) {
	for _, check := range result.Checks {
		if check.passed() && !verbose {
			continue
		}
		fmt.Fprintf(out, "    %s, %s\n      expected: %s\n      actual:   %s\n",
			result.Transport, check.Name, check.Expected, strings.ReplaceAll(check.Actual, "\n", "\n        "))
	}
}
