package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"time"
)

// timeout limits each wait of a case.
const timeout = 10 * time.Second

// TestServer is a server under test, in a process of its own.
type TestServer struct {
	TLS  bool
	Port int
	// Node's major version.
	Node int
	// The URL of its control server.
	control string
	process *exec.Cmd
	stdin   io.Closer
}

// serverOptions are the options of server.js.
type serverOptions struct {
	TLS     bool           `json:"tls"`
	Plugin  map[string]any `json:"plugin,omitempty"`
	Sockets *bool          `json:"sockets,omitempty"`
}

// State is the server's report of its open resources and logged errors.
type State struct {
	Errors      []string
	Streams     int
	Connections int
	Sockets     int
	Heap        int
	Buffers     int
	// Memory outside the heap that is not of buffers, such as header fields.
	External int
}

// memory returns the number of bytes that the server's objects occupy.
func (state State) memory() int {
	return state.Heap + state.Buffers + state.External
}

// startServer starts server.js, or another script that prints its port.
func startServer(script string, options serverOptions) (*TestServer, error) {
	argument, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	process := exec.Command("node", "--expose-gc", script, string(argument))
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	var started struct{ Port, Control, Node int }
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &started)
	}
	if err != nil {
		return nil, fmt.Errorf("%s did not start: %w", script, err)
	}
	return &TestServer{
		TLS:     options.TLS,
		Port:    started.Port,
		Node:    started.Node,
		control: fmt.Sprintf("http://127.0.0.1:%d", started.Control),
		process: process,
		stdin:   stdin,
	}, nil
}

func (server *TestServer) stop() {
	server.stdin.Close()
	server.process.Wait()
}

func (server *TestServer) name() string {
	if server.TLS {
		return "TLS"
	}
	return "h2c"
}

func (server *TestServer) scheme() string {
	if server.TLS {
		return "https"
	}
	return "http"
}

func (server *TestServer) address() string {
	return fmt.Sprintf("127.0.0.1:%d", server.Port)
}

func (server *TestServer) authority() string {
	return fmt.Sprintf("localhost:%d", server.Port)
}

// connect opens a connection that offers one protocol in ALPN.
func (server *TestServer) connect(protocol string) (net.Conn, error) {
	connection, err := net.DialTimeout("tcp", server.address(), timeout)
	if err != nil || !server.TLS {
		return connection, err
	}
	return tls.Client(connection, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}}), nil
}

// events waits until a socket has emitted a number of events. Returns all of them.
func (server *TestServer) events(id string, count int) []string {
	var events []string
	server.call("/events", url.Values{"id": {id}, "count": {fmt.Sprint(count)}}, &events)
	return events
}

// release resumes the handler or hook that waits for the socket's id.
func (server *TestServer) release(id string) {
	server.call("/release", url.Values{"id": {id}}, nil)
}

func (server *TestServer) state() State {
	return server.stateOf("/state", nil)
}

// settle waits until at most that many streams are open.
func (server *TestServer) settle(maxStreams int) State {
	return server.stateOf("/settled", url.Values{"max": {fmt.Sprint(maxStreams)}})
}

// afterGC returns the state after a garbage collection.
func (server *TestServer) afterGC() State {
	return server.stateOf("/after-gc", nil)
}

func (server *TestServer) stateOf(path string, query url.Values) State {
	var state State
	server.call(path, query, &state)
	return state
}

func (server *TestServer) call(path string, query url.Values, answer any) {
	response, err := http.Get(server.control + path + "?" + query.Encode())
	if err != nil {
		panic(fmt.Errorf("the server is unreachable: %w", err))
	}
	defer response.Body.Close()
	if answer == nil {
		io.Copy(io.Discard, response.Body)
	} else if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		panic(err)
	}
}
