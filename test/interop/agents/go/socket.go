package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"golang.org/x/net/http2"
)

const (
	openLimit   = 10 * time.Second
	answerLimit = 30 * time.Second
)

var errTimeout = errors.New("timed out")

// refusal is the status of a server that does not open a socket.
type refusal int

func (status refusal) Error() string { return fmt.Sprintf("the server answers %d", int(status)) }

// client keeps one connection to a host for all of its sockets, as http2.Transport does by itself.
type client struct{ http2.Transport }

func secureClient() *client { return &client{} }

// clearClient speaks HTTP/2 with prior knowledge: http2.Transport asks DialTLSContext for that connection as well.
func clearClient() *client {
	return &client{http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
}

func (c *client) open(url string, protocols []string, headers map[string]string) (*socket, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	// The request lives as long as the socket: what limits it may not be its context's own deadline.
	limit := time.AfterFunc(openLimit, func() { cancel(errTimeout) })
	defer limit.Stop()

	out, body := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodConnect, "http"+strings.TrimPrefix(url, "ws"), out)
	if err != nil {
		return nil, err
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	request.Header[":protocol"] = []string{"websocket"}
	request.Header.Set("Sec-WebSocket-Version", "13")
	if len(protocols) > 0 {
		request.Header.Set("Sec-WebSocket-Protocol", strings.Join(protocols, ", "))
	}

	response, err := c.RoundTrip(request)
	s := &socket{body: body, cancel: cancel, done: make(chan struct{})}
	if err != nil {
		s.abort(err)
		return nil, cmp.Or(context.Cause(ctx), err)
	}
	if response.StatusCode != http.StatusOK {
		s.abort(refusal(response.StatusCode))
		return nil, refusal(response.StatusCode)
	}
	s.protocol = response.Header.Get("Sec-WebSocket-Protocol")
	if s.protocol != "" && !slices.Contains(protocols, s.protocol) {
		err := fmt.Errorf("the server chose %q", s.protocol)
		s.abort(err)
		return nil, err
	}
	go s.read(response.Body)
	return s, nil
}

type ending struct {
	Code   ws.StatusCode `json:"code"`
	Reason string        `json:"reason"`
}

type message struct {
	op   ws.OpCode
	data []byte
}

type socket struct {
	protocol string
	body     *io.PipeWriter
	cancel   context.CancelCauseFunc

	// Held while one echo is under way.
	echoing sync.Mutex

	lock    sync.Mutex
	closing bool
	waiting chan message

	done   chan struct{}
	ending ending
}

// read answers pings and the Close, which is why it goes on when nobody asks for a message.
func (s *socket) read(body io.Reader) {
	stream := struct {
		io.Reader
		io.Writer
	}{body, s}
	for {
		data, op, err := wsutil.ReadServerData(stream)
		if err == nil {
			s.hand(message{op, data})
			continue
		}
		var closed wsutil.ClosedError
		if !errors.As(err, &closed) {
			s.ending = ending{Code: ws.StatusAbnormalClosure}
			s.abort(err)
			close(s.done)
			return
		}
		s.ending = ending(closed)
		s.body.Close()
		// A Close of the response's body would reset the stream where our end of it has not gone out yet: its end,
		// once read, does as well.
		limit := time.AfterFunc(openLimit, func() { s.cancel(errTimeout) })
		defer limit.Stop()
		io.Copy(io.Discard, body)
		close(s.done)
		return
	}
}

func (s *socket) hand(m message) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.waiting != nil {
		s.waiting <- m
		s.waiting = nil
	}
}

// Write takes whole frames, and none after a Close: wsutil would answer the Close that answers ours.
func (s *socket) Write(frame []byte) (int, error) {
	s.lock.Lock()
	closing := s.closing
	s.closing = closing || ws.OpCode(frame[0]&0x0f) == ws.OpClose
	s.lock.Unlock()
	if closing {
		return len(frame), nil
	}
	return s.body.Write(frame)
}

func (s *socket) send(op ws.OpCode, payload []byte) error {
	frame, err := ws.CompileFrame(ws.MaskFrameInPlace(ws.NewFrame(op, true, payload)))
	if err == nil {
		_, err = s.Write(frame)
	}
	return err
}

func (s *socket) echo(kind string, size int) (bool, error) {
	s.echoing.Lock()
	defer s.echoing.Unlock()
	op, payload := sample(kind, size)
	waiting := make(chan message, 1)
	s.lock.Lock()
	s.waiting = waiting
	s.lock.Unlock()
	if err := s.send(op, bytes.Clone(payload)); err != nil {
		return false, err
	}
	select {
	case got := <-waiting:
		return got.op == op && bytes.Equal(got.data, payload), nil
	case <-s.done:
		return false, fmt.Errorf("closed with %d", s.ending.Code)
	case <-time.After(answerLimit):
		return false, errTimeout
	}
}

func sample(kind string, size int) (ws.OpCode, []byte) {
	if kind == "binary" {
		payload := make([]byte, size)
		for i := range payload {
			payload[i] = byte(i * 31)
		}
		return ws.OpBinary, payload
	}
	const phrase = "grüße 🙂 "
	payload := bytes.Repeat([]byte(phrase), size/len(phrase))
	return ws.OpText, append(payload, bytes.Repeat([]byte("."), size%len(phrase))...)
}

func (s *socket) closeWith(code int, reason string) (ending, error) {
	// What cannot be sent any more has ended, and its ending is the answer.
	s.send(ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code), reason))
	select {
	case <-s.done:
		return s.ending, nil
	case <-time.After(answerLimit):
		return ending{}, errTimeout
	}
}

// abort resets the stream. The client sends the RST_STREAM once it is done with reading what it should send.
func (s *socket) abort(why error) {
	s.cancel(why)
	s.body.CloseWithError(why)
}
