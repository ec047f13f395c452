// Reference server of the benchmark: an echo server on golang.org/x/net/http2 and github.com/gobwas/ws.
//
//	go-echo CERT KEY
//
// It prints its port and versions as a line of JSON, answers each line of its standard input with a line after a garbage
// collection, and exits when the input closes. Defaults of x/net are kept: windows of 1 MiB for a connection and for each
// stream, 250 streams, and a goroutine for each stream. So are Go's: as many threads as cores, and TCP_NODELAY.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
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

const maxMessageSize = 16 << 20

func main() {
	allowExtendedConnect()
	// By default, payloads longer than 32 KiB are read into a buffer that grows by copying.
	wsutil.SetPreallocLimit(maxMessageSize)
	wsutil.SetMaxMessageSize(maxMessageSize)

	mux := http.NewServeMux()
	mux.HandleFunc("CONNECT /echo", echo)
	server := &http.Server{Handler: mux}
	// Without this call, net/http uses its bundled copy of x/net/http2.
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
	go collectGarbageOnRequest()
	log.Fatal(server.ServeTLS(listener, os.Args[1], os.Args[2]))
}

func collectGarbageOnRequest() {
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		debug.FreeOSMemory()
		fmt.Println()
	}
	os.Exit(0)
}

// allowExtendedConnect executes the program again with Extended CONNECT enabled in GODEBUG, which x/net reads only when
// its package is initialized.
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
	// Each read of the body costs an event on the connection, and without a buffer a frame would take three reads.
	in := bufio.NewReader(r.Body)
	var messages []wsutil.Message
	for {
		var err error
		if messages, err = wsutil.ReadClientMessage(in, messages[:0]); err != nil {
			return
		}
		for _, message := range messages {
			if reply(w, message) != nil || stream.Flush() != nil {
				return
			}
		}
	}
}

func reply(w io.Writer, message wsutil.Message) error {
	if message.OpCode.IsControl() {
		return wsutil.HandleClientControlMessage(w, message)
	}
	return wsutil.WriteServerMessage(w, message.OpCode, message.Payload)
}
