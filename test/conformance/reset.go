package main

import (
	"golang.org/x/net/http2"
)

// The error codes of RFC 9113 section 7, and an unknown one.
var codes = []http2.ErrCode{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0xbad}

var _ = group("reset",
	Case{Name: "any-code", RFC: "RFC 8441 section 5.1", Run: func(t *T) {
		c := t.dial()
		sibling := t.open(c, "/echo")
		for _, code := range codes {
			s := t.open(c, "/echo")
			s.reset(code)
			s.expectEvents("close 1006")
			t.equal("after "+codeName(code), s.received(), []string{"HEADERS 200"})
		}
		sibling.data(text("untouched"))
		t.equal("a sibling", sibling.untilCount(2), []string{"HEADERS 200", "Text untouched"})
	}},
	Case{Name: "any-code-before-the-200", RFC: "RFC 9113 section 5.4.2", Server: freshServer, Run: func(t *T) {
		c := t.dial()
		for _, code := range codes {
			socketID := t.newSocketID()
			s := c.connect(withID("/deferred", socketID))
			c.settle()
			s.reset(code)
			c.settle()
			t.server.release(socketID)
			t.equal("after "+codeName(code), s.received(), []string(nil))
		}
		t.equal("open streams", t.server.settle(0).Streams, 0)
		t.expectEcho(c)
	}},
	Case{Name: "in-a-message", RFC: "RFC 8441 section 5.1", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		s.data(text("whole"), text("not whole")[:9])
		s.reset(http2.ErrCodeCancel)
		s.expectEvents("message text 5", "close 1006")
		t.expectEcho(c)
	}},
	Case{Name: "behind-a-close", RFC: "RFC 8441 section 5.1", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.inOnePacket(func() {
			s.data(closing(4000, "bye"))
			s.reset(http2.ErrCodeCancel)
		})
		s.expectEvents("close 4000 bye")
		t.expectEcho(c)
	}},
	Case{Name: "behind-end-stream", RFC: "RFC 9113 section 5.1", Server: freshServer, Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.inOnePacket(func() {
			s.lastData(closing(1000, ""))
			s.reset(http2.ErrCodeNo)
		})
		s.expectEvents("close 1000")
		t.equal("open streams", t.server.settle(0).Streams, 0)
		t.expectEcho(c)
	}},
	Case{Name: "twice", RFC: "RFC 9113 section 5.1", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.inOnePacket(func() {
			s.reset(http2.ErrCodeCancel)
			s.reset(http2.ErrCodeCancel)
		})
		s.expectEvents("close 1006")
		t.expectEcho(c)
	}},
	Case{Name: "while-much-waits-for-its-window", RFC: "RFC 9113 section 5.4.2", Server: freshServer, Run: func(t *T) {
		c := t.dialWith(connOptions{manualWindows: true})
		s := t.open(c, "/push?bytes=10000000")
		s.reset(http2.ErrCodeNo)
		s.expectEvents("close 1006")
		t.equal("open streams", t.server.settle(0).Streams, 0)
	}},
	Case{Name: "of-the-server", RFC: "RFC 8441 section 5.1", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/terminate")
		s.data(text("now"))
		t.equal("frames on the stream", s.untilReset(), []string{"HEADERS 200", "RST_STREAM CANCEL"})
		s.expectEvents("message text 3", "close 1006")
		t.expectEcho(c)
	}},
	Case{Name: "data-after-end-stream", RFC: "RFC 9113 section 5.1", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/always-paused")
		c.inOnePacket(func() {
			s.endStream()
			s.data(text("more"))
		})
		t.expectStreamError(s, "STREAM_CLOSED")
	}},
	Case{Name: "a-second-head", RFC: "RFC 9113 section 8.1", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.headers(s.id, c.connectFields("/echo"), false)
		t.equal("frames on the stream", s.untilReset(), []string{"HEADERS 200", "RST_STREAM PROTOCOL_ERROR"})
		s.expectEvents("close 1006")
		t.expectEcho(c)
	}},
	Case{Name: "priority", RFC: "RFC 9113 section 6.3", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.conn.write(func() { s.conn.framer.WritePriority(s.id, http2.PriorityParam{StreamDep: 0, Weight: 200}) })
		s.data(text("goes on"))
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Text goes on"})
	}},
	Case{Name: "unknown-frame", RFC: "RFC 9113 section 5.5", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.conn.raw(0xbe, 0xff, s.id, []byte("whatever"))
		s.data(text("goes on"))
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Text goes on"})
	}},
)
