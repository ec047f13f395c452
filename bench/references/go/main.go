// An echo server on golang.org/x/net/http2, with github.com/gobwas/ws on its streams: go-echo CERT KEY. It exits when
// its standard input closes.
//
// What stays as x/net has it: windows of 1 MiB for a connection and for each stream, 250 streams, a goroutine for each
// stream, and as many threads as there are cores. TCP_NODELAY is Go's default.
package main

import (
	"bufio"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/gobwas/ws/wsutil"
	"golang.org/x/net/http2"
)

const largestMessage = 16 << 20

func main() {
	allowExtendedConnect()
	// What is declared longer than 32 KiB would else be read into a buffer that grows by copying.
	wsutil.SetPreallocLimit(largestMessage)
	wsutil.SetMaxMessageSize(largestMessage)

	mux := http.NewServeMux()
	mux.HandleFunc("CONNECT /echo", echo)
	server := &http.Server{Handler: mux}
	// Without this, net/http would serve HTTP/2 with the copy of x/net that it came with.
	if err := http2.ConfigureServer(server, nil); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"port":    listener.Addr().(*net.TCPAddr).Port,
		"name":    "Go x/net/http2",
		"version": version(),
	})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(server.ServeTLS(listener, os.Args[1], os.Args[2]))
}

// allowExtendedConnect puts the program in its own place once more: x/net asks the environment whether it may serve
// what we test it with, once, when it is loaded.
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
	log.Fatal(err)
}

func version() string {
	versions := runtime.Version()
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			switch module.Path {
			case "golang.org/x/net", "github.com/gobwas/ws":
				versions += ", " + module.Path[strings.Index(module.Path, "/")+1:] + " " + module.Version
			}
		}
	}
	return versions
}

func echo(w http.ResponseWriter, r *http.Request) {
	stream := http.NewResponseController(w)
	if stream.Flush() != nil {
		return
	}
	// Each read of the body costs the connection an event, and a frame would take three.
	in := bufio.NewReader(r.Body)
	var messages []wsutil.Message
	for {
		var err error
		if messages, err = wsutil.ReadClientMessage(in, messages[:0]); err != nil {
			return
		}
		for _, message := range messages {
			if answer(w, message) != nil || stream.Flush() != nil {
				return
			}
		}
	}
}

func answer(w io.Writer, message wsutil.Message) error {
	if message.OpCode.IsControl() {
		return wsutil.HandleClientControlMessage(w, message)
	}
	return wsutil.WriteServerMessage(w, message.OpCode, message.Payload)
}
