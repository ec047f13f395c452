package main

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

// Case is a test of one requirement.
type Case struct {
	// The group and the case: "close/client-first".
	Name string
	// The section that requires the behaviour, or permits it.
	RFC string
	Run func(t *T)
	// Options of a server for this case alone. If nil, the case uses the shared server.
	Server *serverOptions
	// The only transport on which the case runs: "TLS" or "h2c". If empty, it runs on both.
	Only string
}

var cases []Case

// group registers cases. Each file registers one or more groups.
func group(name string, members ...Case) bool {
	for _, member := range members {
		member.Name = name + "/" + member.Name
		if slices.ContainsFunc(cases, func(other Case) bool { return other.Name == member.Name }) {
			panic("two cases are named " + member.Name)
		}
		cases = append(cases, member)
	}
	return true
}

// Check is one comparison in a case.
type Check struct {
	Name     string
	Expected string
	Actual   string
}

func (check Check) passed() bool {
	return check.Expected == check.Actual
}

// Result is the result of a case on one transport.
type Result struct {
	Name      string
	RFC       string
	Transport string
	Passed    bool
	Millis    int64
	Checks    []Check
}

// T is one run of a case. A check that fails aborts the case.
type T struct {
	server       *TestServer
	checks       []Check
	conns        []*Conn
	lastSocketID int
	name         string
}

type abortCase struct{}

// equal checks that the actual value is the expected one.
func (t *T) equal(name string, actual, expected any) {
	check := Check{name, format(expected), format(actual)}
	t.checks = append(t.checks, check)
	if !check.passed() {
		panic(abortCase{})
	}
}

// oneOf checks that the actual value is one of those that the RFC permits.
func (t *T) oneOf(name string, actual any, permitted ...any) {
	var all []string
	for _, each := range permitted {
		if format(actual) == format(each) {
			t.equal(name, actual, each)
			return
		}
		all = append(all, format(each))
	}
	t.equal(name, format(actual), "one of: "+strings.Join(all, " | "))
}

func (t *T) isTrue(name string, value bool, details any) {
	if value {
		t.equal(name, "yes", "yes")
	} else {
		t.equal(name, "no: "+format(details), "yes")
	}
}

func format(value any) string {
	if list, ok := value.([]string); ok {
		return strings.Join(list, ", ")
	}
	return fmt.Sprint(value)
}

// dial opens a connection, which is closed after the case.
func (t *T) dial(settings ...http2.Setting) *Conn {
	return t.dialWith(connOptions{settings: settings})
}

func (t *T) dialWith(options connOptions) *Conn {
	return t.track(dial(t.server, options))
}

func (t *T) track(c *Conn, err error) *Conn {
	if err != nil {
		t.equal("the connection", err.Error(), "open")
	}
	t.conns = append(t.conns, c)
	return c
}

// newSocketID returns an id for a socket, by which the test server records its events.
func (t *T) newSocketID() string {
	t.lastSocketID++
	return fmt.Sprintf("%s-%s-%d", t.name, t.server.name(), t.lastSocketID)
}

// Socket is a stream on which the server has opened a WebSocket.
type Socket struct {
	*Stream
	t        *T
	socketID string
}

// open opens a socket to a route, and checks that the server accepts it.
func (t *T) open(c *Conn, path string, edits ...edit) *Socket {
	socketID := t.newSocketID()
	s := c.connect(withID(path, socketID), edits...)
	t.equal(path+" answers", s.status(), "200")
	return &Socket{s, t, socketID}
}

func withID(path, id string) string {
	mark := "?"
	if strings.Contains(path, "?") {
		mark = "&"
	}
	return path + mark + "id=" + id
}

// expectEvents checks the events of the socket in the server's handler, after "open".
func (s *Socket) expectEvents(expected ...string) {
	expected = append([]string{"open"}, expected...)
	s.t.equal("events of the handler", s.t.server.events(s.socketID, len(expected)), expected)
}

// expectEcho checks that the connection still serves sockets.
func (t *T) expectEcho(c *Conn) {
	s := t.open(c, "/echo")
	s.data(text("still here"))
	t.equal("another socket on the connection", s.untilFrame("Text still here"), []string{"HEADERS 200", "Text still here"})
}

// run runs a case on a server, and checks that the server logged no error.
func run(c Case, server *TestServer) (result Result) {
	started := time.Now()
	t := &T{server: server, name: c.Name}
	defer func() {
		for _, conn := range t.conns {
			conn.close()
		}
		result = Result{
			Name: c.Name, RFC: c.RFC, Transport: server.name(), Checks: t.checks,
			Passed: !slices.ContainsFunc(t.checks, func(check Check) bool { return !check.passed() }) && len(t.checks) > 0,
			Millis: time.Since(started).Milliseconds(),
		}
	}()
	t.guard(func() { c.Run(t) })
	t.guard(func() { t.equal("errors that the server logged", server.state().Errors, []string{}) })
	return
}

// guard runs a part of a case, and turns a panic into a failed check.
func (t *T) guard(part func()) {
	defer func() {
		if problem := recover(); problem != nil && problem != (abortCase{}) {
			t.checks = append(t.checks, Check{"panic in the case", "none", fmt.Sprintf("%v\n%s", problem, debug.Stack())})
		}
	}()
	part()
}
