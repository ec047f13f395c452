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

// What a case waits for anything at most.
const patience = 10 * time.Second

// Target is a server that is under test, in a process of its own.
type Target struct {
	TLS  bool
	Port int
	// Node's major version.
	Node    int
	control string
	process *exec.Cmd
	stdin   io.Closer
}

// Options of server.js.
type serverOptions struct {
	TLS     bool           `json:"tls"`
	Plugin  map[string]any `json:"plugin,omitempty"`
	Sockets *bool          `json:"sockets,omitempty"`
}

// State is what the server says of itself.
type State struct {
	Errors      []string
	Streams     int
	Connections int
	Sockets     int
	Heap        int
	Buffers     int
}

// startTarget starts server.js, or another script that tells its port.
func startTarget(script string, options serverOptions) (*Target, error) {
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
	return &Target{
		TLS:     options.TLS,
		Port:    started.Port,
		Node:    started.Node,
		control: fmt.Sprintf("http://127.0.0.1:%d", started.Control),
		process: process,
		stdin:   stdin,
	}, nil
}

func (target *Target) stop() {
	target.stdin.Close()
	target.process.Wait()
}

func (target *Target) name() string {
	if target.TLS {
		return "TLS"
	}
	return "h2c"
}

func (target *Target) scheme() string {
	if target.TLS {
		return "https"
	}
	return "http"
}

func (target *Target) address() string {
	return fmt.Sprintf("127.0.0.1:%d", target.Port)
}

func (target *Target) authority() string {
	return fmt.Sprintf("localhost:%d", target.Port)
}

// connect opens a connection that speaks one protocol.
func (target *Target) connect(protocol string) (net.Conn, error) {
	connection, err := net.DialTimeout("tcp", target.address(), patience)
	if err != nil || !target.TLS {
		return connection, err
	}
	return tls.Client(connection, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}}), nil
}

// events waits until so many things have happened to a socket, and tells all of them.
func (target *Target) events(id string, count int) []string {
	var events []string
	target.ask("/events", url.Values{"id": {id}, "count": {fmt.Sprint(count)}}, &events)
	return events
}

// release lets the handler or hook go on that waits for it.
func (target *Target) release(id string) {
	target.ask("/go", url.Values{"id": {id}}, nil)
}

func (target *Target) state() State {
	return target.stateOf("/state", nil)
}

// emptied waits until no more streams than that are open.
func (target *Target) emptied(most int) State {
	return target.stateOf("/emptied", url.Values{"most": {fmt.Sprint(most)}})
}

// collected is the state of a process that has thrown away what it does not need.
func (target *Target) collected() State {
	return target.stateOf("/collected", nil)
}

func (target *Target) stateOf(path string, query url.Values) State {
	var state State
	target.ask(path, query, &state)
	return state
}

func (target *Target) ask(path string, query url.Values, answer any) {
	response, err := http.Get(target.control + path + "?" + query.Encode())
	if err != nil {
		panic(fmt.Errorf("the server is gone: %w", err))
	}
	defer response.Body.Close()
	if answer == nil {
		io.Copy(io.Discard, response.Body)
	} else if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		panic(err)
	}
}
