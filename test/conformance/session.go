package main

import (
	"fmt"
	"slices"

	"golang.org/x/net/http2"
)

// expectConnectionError checks that the connection fails with this code, and that other connections still work. Node
// reports most errors that nghttp2 detects as INTERNAL_ERROR (OnInvalidFrame in
// https://github.com/nodejs/node/blob/main/src/node_http2.cc), or closes a TLS connection before
// it has sent GOAWAY.
func (t *T) expectConnectionError(c *Conn, code string) {
	t.oneOf("the connection", c.failure(), "GOAWAY "+code, "GOAWAY INTERNAL_ERROR", connectionClosed)
	t.expectEcho(t.dial())
}

// isConnectionError sends a frame that must fail the connection.
func isConnectionError(kind http2.FrameType, flags http2.Flags, streamID uint32, payload []byte) func(*T) {
	return func(t *T) {
		c := t.dial()
		c.raw(kind, flags, streamID, payload)
		t.expectConnectionError(c, "PROTOCOL_ERROR")
	}
}

// expectStreamError checks that the stream fails with this code. An endpoint may treat it as a connection error
// (RFC 9113 section 5.4.2).
func (t *T) expectStreamError(s *Socket, code string) {
	t.oneOf("frames on the stream", s.failure(), "RST_STREAM "+code, "GOAWAY "+code, "GOAWAY INTERNAL_ERROR", connectionClosed)
	s.expectEvents("close 1006")
	t.expectEcho(t.dial())
}

var threeStreams = &serverOptions{Plugin: map[string]any{"maxConcurrentStreams": 3}}

var _ = group("session",
	Case{Name: "fifty-sockets", RFC: "RFC 8441 section 1", Run: func(t *T) {
		c := t.dial()
		var sockets []*Socket
		for range 50 {
			sockets = append(sockets, t.open(c, "/echo"))
		}
		for i, s := range sockets {
			s.data(text(fmt.Sprint("mine ", i)))
		}
		for i, s := range sockets {
			t.equal("echo of its own message", s.untilCount(2), []string{"HEADERS 200", fmt.Sprint("Text mine ", i)})
		}
	}},
	Case{Name: "sockets-among-requests", RFC: "RFC 8441 section 1", Run: func(t *T) {
		c := t.dial()
		var sockets, pages []*Stream
		c.inOnePacket(func() {
			for range 100 {
				s := c.connect("/echo")
				s.data(text("hello"))
				sockets = append(sockets, s)
				pages = append(pages, c.request(c.getFields("/plain"), true))
			}
		})
		for i := range sockets {
			t.equal("a socket", sockets[i].untilCount(2), []string{"HEADERS 200", "Text hello"})
			t.equal("a request", pages[i].status(), "200")
		}
	}},
	Case{Name: "ping-while-sockets-are-idle", RFC: "RFC 9113 section 6.7", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.ping("idle?")
		t.equal("the connection answers", c.waitForFrame("PING ACK idle?"), true)
		s.data(text("hello"))
		t.equal("the socket", s.untilCount(2), []string{"HEADERS 200", "Text hello"})
	}},
	Case{Name: "goaway-of-the-client", RFC: "RFC 9113 section 6.8", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.goAway(http2.ErrCodeNo)
		s.data(text("goes on"))
		t.equal("the socket", s.untilCount(2), []string{"HEADERS 200", "Text goes on"})
		s.lastData(closing(1000, ""))
		t.equal("end of the stream", s.untilEnd()[2:], []string{"Close 1000", "END_STREAM"})
		s.expectEvents("message text 7", "close 1000")
	}},
	Case{Name: "goaway-with-an-error", RFC: "RFC 9113 section 6.8", Run: func(t *T) {
		c := t.dial()
		one, other := t.open(c, "/echo"), t.open(c, "/echo")
		c.goAway(http2.ErrCodeInternal)
		one.expectEvents("close 1006")
		other.expectEvents("close 1006")
	}},
	Case{Name: "connection-lost", RFC: "RFC 6455 section 7.1.5", Run: func(t *T) {
		c := t.dial()
		one, other := t.open(c, "/echo"), t.open(c, "/pause")
		one.data(text("not whole")[:9])
		c.close()
		one.expectEvents("close 1006")
		other.expectEvents("close 1006")
	}},
	Case{Name: "too-many-streams-before-the-client-knows", RFC: "RFC 9113 section 5.1.2", Server: threeStreams, Run: func(t *T) {
		c := t.dialWith(connOptions{ignoreSettings: true})
		t.equal("SETTINGS_MAX_CONCURRENT_STREAMS", c.setting(http2.SettingMaxConcurrentStreams), "3")
		sockets := []*Socket{t.open(c, "/echo"), t.open(c, "/echo"), t.open(c, "/echo")}
		t.equal("a fourth socket", c.connect("/echo").untilReset(), []string{"RST_STREAM REFUSED_STREAM"})
		sockets[1].lastData(closing(1000, ""))
		sockets[1].untilEnd()
		t.expectEcho(c)
		sockets[0].data(text("untouched"))
		t.equal("the first", sockets[0].untilCount(2), []string{"HEADERS 200", "Text untouched"})
	}},
	Case{Name: "too-many-streams", RFC: "RFC 9113 section 5.1.2", Server: threeStreams, Run: func(t *T) {
		c := t.dial()
		sockets := []*Socket{t.open(c, "/echo"), t.open(c, "/echo"), t.open(c, "/echo")}
		c.connect("/echo")
		// The RFC requires a stream error. nghttp2 closes the connection if the client has acknowledged the limit.
		frames := c.untilClosed()
		t.equal("the connection", frames[len(frames)-1], connectionClosed)
		sockets[0].expectEvents("close 1006")
	}},
	Case{Name: "server-closes", RFC: "RFC 6455 section 7.4.1", Server: freshServer, Run: func(t *T) {
		c := t.dial()
		one, other := t.open(c, "/echo"), t.open(c, "/echo")
		t.server.call("/stop", nil, nil)
		for _, s := range []*Socket{one, other} {
			t.equal("a socket", s.untilFrame("Close 1001"), []string{"HEADERS 200", "Close 1001"})
		}
		// RFC 9113 section 8.7: it was not processed, so the client may retry it with another server.
		t.equal("a late handshake", c.connect("/echo").untilReset(), []string{"RST_STREAM REFUSED_STREAM"})
		for _, s := range []*Socket{one, other} {
			s.lastData(closing(1001, ""))
			t.equal("end of the stream", s.untilEnd(), []string{"HEADERS 200", "Close 1001", "END_STREAM"})
		}
		t.equal("the connection", slices.Compact(c.untilClosed()), []string{"GOAWAY NO_ERROR", connectionClosed})
	}},
	Case{Name: "even-stream-number", RFC: "RFC 9113 section 5.1.1", Run: func(t *T) {
		c := t.dial()
		c.headers(2, c.connectFields("/echo"), false)
		t.expectConnectionError(c, "PROTOCOL_ERROR")
	}},
	Case{Name: "stream-number-that-goes-back", RFC: "RFC 9113 section 5.1.1", Run: func(t *T) {
		// nghttp2 treats it as a closed stream, and ignores the frame.
		c := t.dial()
		c.nextID = 5
		t.open(c, "/echo")
		socketID := t.newSocketID()
		c.headers(3, c.connectFields(withID("/echo", socketID)), false)
		c.settle()
		t.equal("events of the handler", t.server.events(socketID, 0), []string{})
	}},
	Case{Name: "data-on-an-idle-stream", RFC: "RFC 9113 section 5.1", Run: isConnectionError(http2.FrameData, 0, 7, text("nobody"))},
	Case{Name: "reset-of-an-idle-stream", RFC: "RFC 9113 section 6.4", Run: isConnectionError(http2.FrameRSTStream, 0, 7, make([]byte, 4))},
	Case{Name: "data-on-stream-0", RFC: "RFC 9113 section 6.1", Run: isConnectionError(http2.FrameData, 0, 0, text("nobody"))},
	Case{Name: "push-of-a-client", RFC: "RFC 9113 section 8.4", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.raw(http2.FramePushPromise, http2.FlagPushPromiseEndHeaders, s.id, []byte{0, 0, 0, 2, 0x82})
		t.expectConnectionError(c, "PROTOCOL_ERROR")
	}},
	Case{Name: "frame-within-a-header-block", RFC: "RFC 9113 section 6.10", Run: func(t *T) {
		c := t.dial()
		c.raw(http2.FrameHeaders, 0, 1, []byte{0x82})
		c.raw(http2.FrameData, 0, 1, []byte("between"))
		t.expectConnectionError(c, "PROTOCOL_ERROR")
	}},
	Case{Name: "upgrade-of-http-1", RFC: "RFC 6455 section 4.2.2", Only: "TLS", Run: func(t *T) {
		h1 := t.upgrade("/echo", "")
		h1.write(text("over HTTP/1.1"))
		t.equal("the connection", h1.receive(2), []string{"101", "Text over HTTP/1.1"})
		h1.write(closing(1000, ""))
		t.equal("end of the stream", h1.receive(4), []string{"101", "Text over HTTP/1.1", "Close 1000", "end"})
	}},
)
