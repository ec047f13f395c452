package main

import (
	"fmt"
	"io"
	"strings"
)

// report prints a row for each case, with what it expected and got where it failed or where that is asked for.
func report(out io.Writer, chosen []Case, results []Result, verbose bool) (passed, failed int) {
	fmt.Fprintf(out, "%-42s %-34s %-6s %-6s\n", "case", "asked for by", "TLS", "h2c")
	for _, each := range chosen {
		over := map[string]Result{}
		for _, result := range results {
			if result.Name == each.Name {
				over[result.Over] = result
			}
		}
		fmt.Fprintf(out, "%-42s %-34s %-6s %-6s\n", each.Name, each.RFC, verdict(over, "TLS"), verdict(over, "h2c"))
		for _, name := range []string{"TLS", "h2c"} {
			result, ran := over[name]
			if !ran {
				continue
			}
			if result.Passed {
				passed++
			} else {
				failed++
			}
			explain(out, result, verbose)
		}
	}
	return
}

func verdict(over map[string]Result, name string) string {
	result, ran := over[name]
	switch {
	case !ran:
		return "-"
	case result.Passed:
		return "ok"
	default:
		return "FAILED"
	}
}

func explain(out io.Writer, result Result, verbose bool) {
	for _, check := range result.Checks {
		if check.holds() && !verbose {
			continue
		}
		fmt.Fprintf(out, "    %s, %s\n      expected: %s\n      got:      %s\n",
			result.Over, check.What, check.Expected, strings.ReplaceAll(check.Got, "\n", "\n        "))
	}
}
