package main

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

// Case is one thing that a server has to do.
type Case struct {
	// Its group and its own name: "close/client-first".
	Name string
	// The section that asks for it, or that lets a server do so.
	RFC string
	Run func(t *T)
	// Options of the server it needs, where it cannot share one.
	Server *serverOptions
	// Where it makes sense, if not everywhere.
	Only string
}

var cases []Case

// group adds cases. Each file has one or more.
func group(name string, rows ...Case) bool {
	for _, row := range rows {
		row.Name = name + "/" + row.Name
		if slices.ContainsFunc(cases, func(other Case) bool { return other.Name == row.Name }) {
			panic("two cases are named " + row.Name)
		}
		cases = append(cases, row)
	}
	return true
}

// Check is one comparison of a case.
type Check struct {
	What     string
	Expected string
	Got      string
}

func (check Check) holds() bool {
	return check.Expected == check.Got
}

// Result is what became of a case.
type Result struct {
	Name   string
	RFC    string
	Over   string
	Passed bool
	Millis int64
	Checks []Check
}

// T is one run of a case.
type T struct {
	target *Target
	checks []Check
	conns  []*Conn
	labels int
	name   string
}

type stop struct{}

// equal compares, and ends the case where it does not hold.
func (t *T) equal(what string, got, expected any) {
	check := Check{what, words(expected), words(got)}
	t.checks = append(t.checks, check)
	if !check.holds() {
		panic(stop{})
	}
}

// among is for what an RFC leaves to the server.
func (t *T) among(what string, got any, expected ...any) {
	var choice []string
	for _, each := range expected {
		if words(got) == words(each) {
			t.equal(what, got, each)
			return
		}
		choice = append(choice, words(each))
	}
	t.equal(what, words(got), "one of: "+strings.Join(choice, " | "))
}

func (t *T) holds(what string, holds bool, got any) {
	if holds {
		t.equal(what, "yes", "yes")
	} else {
		t.equal(what, "no: "+words(got), "yes")
	}
}

func words(value any) string {
	if list, ok := value.([]string); ok {
		return strings.Join(list, ", ")
	}
	return fmt.Sprint(value)
}

// dial opens a connection that ends with the case.
func (t *T) dial(settings ...http2.Setting) *Conn {
	return t.dialWith(connOptions{settings: settings})
}

func (t *T) dialWith(options connOptions) *Conn {
	return t.keep(dial(t.target, options))
}

func (t *T) keep(c *Conn, err error) *Conn {
	if err != nil {
		t.equal("the connection", err.Error(), "open")
	}
	t.conns = append(t.conns, c)
	return c
}

// label gives a socket a name, by which the server can be asked about it.
func (t *T) label() string {
	t.labels++
	return fmt.Sprintf("%s-%s-%d", t.name, t.target.name(), t.labels)
}

// Socket is a stream that the server took for a WebSocket.
type Socket struct {
	*Stream
	t     *T
	label string
}

// open opens a socket of a route.
func (t *T) open(c *Conn, path string, edits ...edit) *Socket {
	label := t.label()
	s := c.connect(withID(path, label), edits...)
	t.equal(path+" answers", s.status(), "200")
	return &Socket{s, t, label}
}

func withID(path, id string) string {
	mark := "?"
	if strings.Contains(path, "?") {
		mark = "&"
	}
	return path + mark + "id=" + id
}

// seen is what the handler of the socket saw.
func (s *Socket) seen(expected ...string) {
	expected = append([]string{"open"}, expected...)
	s.t.equal("the handler saw", s.t.target.events(s.label, len(expected)), expected)
}

// echoes checks that a connection serves sockets as it should.
func (t *T) echoes(c *Conn) {
	s := t.open(c, "/echo")
	s.data(text("still here"))
	t.equal("a socket beside it", s.until("Text still here"), []string{"HEADERS 200", "Text still here"})
}

// run runs a case on a server, and checks that it left the server as it was.
func run(c Case, target *Target) (result Result) {
	started := time.Now()
	t := &T{target: target, name: c.Name}
	defer func() {
		for _, conn := range t.conns {
			conn.close()
		}
		result = Result{
			Name: c.Name, RFC: c.RFC, Over: target.name(), Checks: t.checks,
			Passed: !slices.ContainsFunc(t.checks, func(check Check) bool { return !check.holds() }) && len(t.checks) > 0,
			Millis: time.Since(started).Milliseconds(),
		}
	}()
	t.guard(func() { c.Run(t) })
	t.guard(func() { t.equal("errors that the server logged", target.state().Errors, []string{}) })
	return
}

// guard keeps what a case does wrong to the case.
func (t *T) guard(what func()) {
	defer func() {
		if problem := recover(); problem != nil && problem != (stop{}) {
			t.checks = append(t.checks, Check{"the case itself", "no panic", fmt.Sprintf("%v\n%s", problem, debug.Stack())})
		}
	}()
	what()
}
