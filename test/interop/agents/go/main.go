// A client of the interop suite: golang.org/x/net/http2 opens the streams, github.com/gobwas/ws implements WebSocket on
// them. It reads commands from standard input and writes responses to standard output, one line of JSON each.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
)

const library = "golang.org/x/net"

type command struct {
	ID        int               `json:"id"`
	Do        string            `json:"do"`
	URL       string            `json:"url"`
	Protocols []string          `json:"protocols"`
	Headers   map[string]string `json:"headers"`
	Socket    int               `json:"socket"`
	Kind      string            `json:"kind"`
	Bytes     int               `json:"bytes"`
	Code      int               `json:"code"`
	Reason    string            `json:"reason"`
}

type success struct {
	ID    int `json:"id"`
	Value any `json:"value"`
}

type failure struct {
	ID     int    `json:"id"`
	Error  string `json:"error"`
	Status int    `json:"status,omitempty"`
}

func main() {
	allowExtendedConnect()
	var lock sync.Mutex
	encoder := json.NewEncoder(os.Stdout)
	respond := func(line any) {
		lock.Lock()
		defer lock.Unlock()
		encoder.Encode(line)
	}
	respond(map[string]string{"name": library + "/http2", "version": version()})

	a := &agent{cleartext: cleartextClient(), secure: secureClient(), sockets: map[int]*socket{}}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		go func(line []byte) { respond(a.handle(line)) }([]byte(lines.Text()))
	}
}

// allowExtendedConnect executes the program again with Extended CONNECT enabled in x/net, which reads GODEBUG when it is
// loaded.
func allowExtendedConnect() {
	const setting = "http2xconnect=1"
	current := os.Getenv("GODEBUG")
	if strings.Contains(current, setting) {
		return
	}
	os.Setenv("GODEBUG", strings.TrimPrefix(current+","+setting, ","))
	program, err := os.Executable()
	if err == nil {
		err = syscall.Exec(program, os.Args, os.Environ())
	}
	panic(err)
}

func version() string {
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			if module.Path == library {
				return module.Version
			}
		}
	}
	return ""
}

func (a *agent) handle(line []byte) any {
	var c command
	err := json.Unmarshal(line, &c)
	var value any
	if err == nil {
		value, err = a.do(c)
	}
	if err == nil {
		return success{c.ID, value}
	}
	response := failure{ID: c.ID, Error: err.Error()}
	var refused refusal
	if errors.As(err, &refused) {
		response.Status = int(refused)
	}
	return response
}

// agent runs the commands.
type agent struct {
	cleartext, secure *client
	lock              sync.Mutex
	sockets           map[int]*socket
	last              int
}

func (a *agent) do(c command) (any, error) {
	if c.Do == "open" {
		return a.open(c)
	}
	a.lock.Lock()
	s := a.sockets[c.Socket]
	a.lock.Unlock()
	if s == nil {
		return nil, errors.New("no such socket")
	}
	switch c.Do {
	case "echo":
		return s.echo(c.Kind, c.Bytes)
	case "close":
		return s.closeWith(c.Code, c.Reason)
	case "closed":
		<-s.done
		return s.ending, nil
	case "abort":
		s.abort(errors.New("aborted"))
		return nil, nil
	}
	return nil, errors.New("no such command: " + c.Do)
}

func (a *agent) open(c command) (any, error) {
	client := a.cleartext
	if strings.HasPrefix(c.URL, "wss:") {
		client = a.secure
	}
	s, err := client.open(c.URL, c.Protocols, c.Headers)
	if err != nil {
		return nil, err
	}
	a.lock.Lock()
	defer a.lock.Unlock()
	a.last++
	a.sockets[a.last] = s
	return map[string]any{"socket": a.last, "protocol": s.protocol}, nil
}
