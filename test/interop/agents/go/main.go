// A client of the interop suite: golang.org/x/net/http2 opens the streams, github.com/gobwas/ws speaks WebSocket on
// them. It takes a command a line on its standard input and answers each with a line, as the suite's runner asks.
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
	say := func(line any) {
		lock.Lock()
		defer lock.Unlock()
		encoder.Encode(line)
	}
	say(map[string]string{"name": library + "/http2", "version": version()})

	a := &agent{clear: clearClient(), secure: secureClient(), sockets: map[int]*socket{}}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		go func(line []byte) { say(a.answer(line)) }([]byte(lines.Text()))
	}
}

// allowExtendedConnect puts the program in its own place once more where x/net may not open what we test it with: it
// asks the environment, once, when it is loaded.
func allowExtendedConnect() {
	const allowed = "http2xconnect=1"
	given := os.Getenv("GODEBUG")
	if strings.Contains(given, allowed) {
		return
	}
	os.Setenv("GODEBUG", strings.TrimPrefix(given+","+allowed, ","))
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

func (a *agent) answer(line []byte) any {
	var c command
	err := json.Unmarshal(line, &c)
	var value any
	if err == nil {
		value, err = a.do(c)
	}
	if err == nil {
		return success{c.ID, value}
	}
	answer := failure{ID: c.ID, Error: err.Error()}
	var refused refusal
	if errors.As(err, &refused) {
		answer.Status = int(refused)
	}
	return answer
}

// agent is what the commands are asked of.
type agent struct {
	clear, secure *client
	lock          sync.Mutex
	sockets       map[int]*socket
	last          int
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
	client := a.clear
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
