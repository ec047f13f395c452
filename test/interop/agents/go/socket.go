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
	openTimeout = 10 * time.Second
	echoTimeout = 30 * time.Second
)

var errTimeout = errors.New("timed out")

// refusal is the HTTP status of a refused handshake.
type refusal int

func (status refusal) Error() string { return fmt.Sprintf("the server responded with %d", int(status)) }

// client opens all sockets to a host on one connection, which http2.Transport does by itself.
type client struct{ http2.Transport }

func secureClient() *client { return &client{} }

// cleartextClient uses HTTP/2 with prior knowledge. http2.Transport calls DialTLSContext for such connections, too.
func cleartextClient() *client {
	return &client{http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
}

func (c *client) open(url string, protocols []string, headers map[string]string) (*socket, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	// Not a deadline of the context, which would also limit the lifetime of the socket.
	timer := time.AfterFunc(openTimeout, func() { cancel(errTimeout) })
	defer timer.Stop()

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

	// Serializes echoes.
	echoing sync.Mutex

	lock    sync.Mutex
	closing bool
	waiting chan message

	done   chan struct{}
	ending ending
}

// read reads until the socket closes, whether or not an echo is pending: it also answers pings and the Close.
func (s *socket) read(body io.Reader) {
	stream := struct {
		io.Reader
		io.Writer
	}{body, s}
	for {
		data, op, err := wsutil.ReadServerData(stream)
		if err == nil {
			s.deliver(message{op, data})
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
		// Closing the response's body would reset the stream if our END_STREAM has not been sent yet. Reading it to its
		// end closes it, too.
		timer := time.AfterFunc(openTimeout, func() { s.cancel(errTimeout) })
		defer timer.Stop()
		io.Copy(io.Discard, body)
		close(s.done)
		return
	}
}

func (s *socket) deliver(m message) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.waiting != nil {
		s.waiting <- m
		s.waiting = nil
	}
}

// Write sends a whole frame. Frames after a Close are dropped: wsutil would answer the Close that answers ours.
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
	case received := <-waiting:
		return received.op == op && bytes.Equal(received.data, payload), nil
	case <-s.done:
		return false, fmt.Errorf("closed with %d", s.ending.Code)
	case <-time.After(echoTimeout):
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
	// If the Close cannot be sent, the socket has already ended.
	s.send(ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code), reason))
	select {
	case <-s.done:
		return s.ending, nil
	case <-time.After(echoTimeout):
		return ending{}, errTimeout
	}
}

// abort resets the stream. http2.Transport sends RST_STREAM when its read from the request body returns.
func (s *socket) abort(cause error) {
	s.cancel(cause)
	s.body.CloseWithError(cause)
}
