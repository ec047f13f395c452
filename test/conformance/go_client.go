package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"golang.org/x/net/http2"
)

// goClient returns the HTTP/2 client of golang.org/x/net, as Go programs use it.
func (t *T) goClient() *http2.Transport {
	if t.server.TLS {
		return &http2.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	}
	return &http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
}

// goSocket is a stream of that client. gobwas/ws reads and writes WebSocket frames on it.
type goSocket struct {
	io.Reader
	*io.PipeWriter
	status int
}

func (t *T) goOpen(ctx context.Context, client *http2.Transport, path string) (*goSocket, error) {
	out, body := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodConnect, t.server.scheme()+"://"+t.server.address()+path, out)
	if err != nil {
		return nil, err
	}
	request.Header[":protocol"] = []string{"websocket"}
	request.Header.Set("Sec-WebSocket-Version", "13")
	response, err := client.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	return &goSocket{response.Body, body, response.StatusCode}, nil
}

func (t *T) mustOpen(client *http2.Transport, path string) *goSocket {
	s, err := t.goOpen(context.Background(), client, path)
	if err != nil {
		t.equal(path+" answers", err.Error(), "200")
	}
	t.equal(path+" answers", s.status, 200)
	return s
}

// next returns the next message or Close, described in text.
func (s *goSocket) next() string {
	data, op, err := wsutil.ReadServerData(s)
	if closed, ok := err.(wsutil.ClosedError); ok {
		return fmt.Sprintf("Close %d %s", closed.Code, closed.Reason)
	}
	if err != nil {
		return err.Error()
	}
	return opNames[op] + " " + summarize(data)
}

var _ = group("go-client",
	Case{Name: "open-echo-close", RFC: "RFC 8441 section 5.1", Run: func(t *T) {
		socketID := t.newSocketID()
		s := t.mustOpen(t.goClient(), withID("/echo", socketID))
		wsutil.WriteClientText(s, []byte("hello"))
		t.equal("text", s.next(), "Text hello")
		wsutil.WriteClientBinary(s, []byte("bytes"))
		t.equal("binary", s.next(), "Binary bytes")
		ws.WriteFrame(s, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(4000, "bye"))))
		t.equal("the closing handshake", s.next(), "Close 4000 bye")
		_, err := s.Read(make([]byte, 1))
		t.equal("the end of the server's side", err, io.EOF)
		s.Close()
		t.equal("events of the handler", t.server.events(socketID, 4), []string{"open", "message text 5", "message binary 5", "close 4000 bye"})
	}},
	Case{Name: "1-MiB", RFC: "RFC 8441 section 5", Run: func(t *T) {
		s := t.mustOpen(t.goClient(), "/echo")
		payload := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		go wsutil.WriteClientBinary(s, payload)
		data, err := wsutil.ReadServerBinary(s)
		t.equal("the error", err, nil)
		t.equal("the echo equals the message", bytes.Equal(data, payload), true)
		s.Close()
	}},
	Case{Name: "fragments", RFC: "RFC 6455 section 5.4", Run: func(t *T) {
		s := t.mustOpen(t.goClient(), "/echo")
		for _, frame := range [][]byte{fragment(ws.OpText, false, "one "), fragment(ws.OpContinuation, false, "whole "), fragment(ws.OpContinuation, true, "message")} {
			s.Write(frame)
		}
		t.equal("the message", s.next(), "Text one whole message")
		s.Close()
	}},
	Case{Name: "close-of-the-server", RFC: "RFC 8441 section 5.1", Run: func(t *T) {
		socketID := t.newSocketID()
		s := t.mustOpen(t.goClient(), withID("/close?code=4001&reason=done", socketID))
		t.equal("the Close", s.next(), "Close 4001 done")
		_, err := s.Read(make([]byte, 1))
		t.equal("the end of the server's side", err, io.EOF)
		s.Close()
		t.equal("events of the handler", t.server.events(socketID, 2), []string{"open", "close 4001"})
	}},
	Case{Name: "abort-of-the-client", RFC: "RFC 8441 section 5.1", Run: func(t *T) {
		client := t.goClient()
		socketID := t.newSocketID()
		ctx, abort := context.WithCancel(context.Background())
		s, err := t.goOpen(ctx, client, withID("/echo", socketID))
		t.equal("the error", err, nil)
		wsutil.WriteClientText(s, []byte("hello"))
		t.equal("text", s.next(), "Text hello")
		abort()
		// The client sends RST_STREAM when its read from the request body returns.
		s.CloseWithError(context.Canceled)
		t.equal("events of the handler", t.server.events(socketID, 3), []string{"open", "message text 5", "close 1006"})
		other := t.mustOpen(client, "/echo")
		wsutil.WriteClientText(other, []byte("goes on"))
		t.equal("another socket on the connection", other.next(), "Text goes on")
		other.Close()
	}},
	Case{Name: "abort-of-the-server", RFC: "RFC 8441 section 5.1", Run: func(t *T) {
		s := t.mustOpen(t.goClient(), "/terminate")
		wsutil.WriteClientText(s, []byte("now"))
		_, err := s.Read(make([]byte, 1))
		t.isTrue("the stream is reset with CANCEL", err != nil && strings.Contains(err.Error(), "CANCEL"), err)
	}},
	Case{Name: "refused", RFC: "RFC 8441 section 5", Run: func(t *T) {
		client := t.goClient()
		s, err := t.goOpen(context.Background(), client, "/refuse?status=401")
		t.equal("the error", err, nil)
		t.equal("the status", s.status, 401)
		s.Close()
		t.mustOpen(client, "/echo").Close()
	}},
	Case{Name: "fifty-on-one-connection", RFC: "RFC 8441 section 1", Server: freshServer, Run: func(t *T) {
		client := t.goClient()
		answers := make([]string, 50)
		first := t.mustOpen(client, "/echo")
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() {
				s, err := t.goOpen(context.Background(), client, "/echo")
				if err != nil {
					answers[i] = err.Error()
					return
				}
				wsutil.WriteClientText(s, []byte(fmt.Sprint("mine ", i)))
				answers[i] = s.next()
				s.Close()
			})
		}
		group.Wait()
		for i, answer := range answers {
			t.equal("echo of its own message", answer, fmt.Sprint("Text mine ", i))
		}
		t.equal("connections", t.server.state().Connections, 1)
		first.Close()
	}},
	Case{Name: "not-offered", RFC: "RFC 8441 section 3", Server: notAdvertising, Run: func(t *T) {
		_, err := t.goOpen(context.Background(), t.goClient(), "/echo")
		t.equal("the error", err, "net/http: extended connect not supported by peer")
	}},
)
