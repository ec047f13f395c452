package main

import (
	"strings"

	"github.com/gobwas/ws"
	"golang.org/x/net/http2/hpack"
)

// freshServer is for cases that count what is left open: Node 20 never frees some sessions of earlier cases.
var freshServer = &serverOptions{}

var _ = group("close",
	Case{Name: "client-first", RFC: "RFC 8441 section 5.1", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.data(closing(4001, "bye"))
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "Close 4001 bye", "END_STREAM"})
		s.endStream()
		s.conn.settle()
		t.equal("no further frames", s.received(), []string{"HEADERS 200", "Close 4001 bye", "END_STREAM"})
		s.expectEvents("close 4001 bye")
	}},
	Case{Name: "client-first-with-end-stream", RFC: "RFC 8441 section 5.1", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.lastData(closing(1000, ""))
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "Close 1000", "END_STREAM"})
		s.expectEvents("close 1000")
	}},
	Case{Name: "server-first", RFC: "RFC 8441 section 5.1", Run: func(t *T) {
		s := t.open(t.dial(), "/close?code=4002&reason=done")
		t.equal("frames on the stream", s.untilFrame("Close 4002 done"), []string{"HEADERS 200", "Close 4002 done"})
		s.lastData(closing(4002, "done"))
		t.equal("end of the stream", s.untilEnd(), []string{"HEADERS 200", "Close 4002 done", "END_STREAM"})
		s.expectEvents("close 4002 done")
	}},
	Case{Name: "server-first-with-everything-sent", RFC: "RFC 6455 section 5.5.1", Run: func(t *T) {
		c := t.dialWith(connOptions{manualWindows: true})
		s := t.open(c, "/push?bytes=300000&close")
		c.wait(func() bool { return sum(s.sizes) == 65_535 })
		t.equal("bytes received", s.receivedBytes(), 65_535)
		c.windowUpdate(0, 1<<20)
		c.windowUpdate(s.id, 1<<20)
		t.equal("frames on the stream", s.untilFrame("Close 4001 all sent"), []string{"HEADERS 200", "Binary of 300000 bytes", "Close 4001 all sent"})
		s.lastData(closing(4001, ""))
		s.expectEvents("close 4001")
	}},
	Case{Name: "both-at-once", RFC: "RFC 6455 section 7.1.3", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/close-on-message")
		s.data(text("go"), closing(4003, "me"))
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "Close 4000", "END_STREAM"})
		s.endStream()
		s.expectEvents("message text 2", "close 4003 me")
	}},
	Case{Name: "without-a-code", RFC: "RFC 6455 section 7.1.5", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.lastData(closingRaw(nil))
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "Close", "END_STREAM"})
		s.expectEvents("close 1005")
	}},
	Case{Name: "data-after-it", RFC: "RFC 6455 section 5.5.1", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.data(closing(1000, ""), text("too late"), closing(4000, "again"))
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "Close 1000", "END_STREAM"})
		s.endStream()
		s.expectEvents("close 1000")
	}},
	Case{Name: "client-never-ends-its-side", RFC: "RFC 9113 section 8.1", Run: func(t *T) {
		// As Firefox, nghttpx and undici 7 do.
		c := t.dial()
		s := t.open(c, "/echo")
		s.data(closing(1000, ""))
		t.equal("frames on the stream", s.untilReset(), []string{"HEADERS 200", "Close 1000", "END_STREAM", "RST_STREAM NO_ERROR"})
		s.expectEvents("close 1000")
		t.expectEcho(c)
	}},
	Case{Name: "client-never-answers", RFC: "RFC 8441 section 5.1", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/close-on-message")
		s.data(text("go"))
		t.equal("frames on the stream", s.untilReset(), []string{"HEADERS 200", "Close 4000", "RST_STREAM CANCEL"})
		s.expectEvents("message text 2", "close 1006")
		t.expectEcho(c)
	}},
	Case{Name: "end-stream-alone", RFC: "RFC 6455 section 7.1.5", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		s.endStream()
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "END_STREAM"})
		s.expectEvents("close 1006")
		t.expectEcho(c)
	}},
	Case{Name: "end-stream-in-a-message", RFC: "RFC 6455 section 7.1.5", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		s.lastData(text("not whole")[:8])
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "END_STREAM"})
		s.expectEvents("close 1006")
		t.expectEcho(c)
	}},
	Case{Name: "trailers", RFC: "RFC 9113 section 8.1", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		s.data(text("last words"))
		c.headers(s.id, []hpack.HeaderField{{Name: "x-trailer", Value: "1"}}, true)
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "Text last words", "END_STREAM"})
		s.expectEvents("message text 10", "close 1006")
		t.expectEcho(c)
	}},
	Case{Name: "code-0", RFC: "RFC 6455 section 7.4.2", Run: violates("1002", closing(0, ""))},
	Case{Name: "code-999", RFC: "RFC 6455 section 7.4.2", Run: violates("1002", closing(999, ""))},
	Case{Name: "code-1004", RFC: "RFC 6455 section 7.4.1", Run: violates("1002", closing(1004, ""))},
	Case{Name: "code-1005", RFC: "RFC 6455 section 7.4.1", Run: violates("1002", closing(1005, ""))},
	Case{Name: "code-1006", RFC: "RFC 6455 section 7.4.1", Run: violates("1002", closing(1006, ""))},
	Case{Name: "code-1015", RFC: "RFC 6455 section 7.4.1", Run: violates("1002", closing(1015, ""))},
	Case{Name: "code-2999", RFC: "RFC 6455 section 7.4.2", Run: violates("1002", closing(2999, ""))},
	Case{Name: "code-5000", RFC: "RFC 6455 section 7.4.2", Run: violates("1002", closing(5000, ""))},
	Case{Name: "body-of-one-byte", RFC: "RFC 6455 section 5.5.1", Run: violates("1002", closingRaw([]byte{3}))},
	Case{Name: "reason-that-is-not-utf8", RFC: "RFC 6455 section 8.1", Run: violates("1007", closingRaw([]byte{3, 0xe8, 0xc3, 0x28}))},
	Case{Name: "every-code-that-is-one", RFC: "RFC 6455 section 7.4", Run: func(t *T) {
		c := t.dial()
		for _, code := range []ws.StatusCode{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
			s := t.open(c, "/echo")
			s.lastData(closing(code, "x"))
			frame := "Close" + describeClose(ws.NewCloseFrameBody(code, "x"))
			t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", frame, "END_STREAM"})
			s.expectEvents(strings.ToLower(frame))
		}
	}},
	Case{Name: "reason-of-123-bytes", RFC: "RFC 6455 section 5.5", Run: func(t *T) {
		reason := strings.Repeat("r", 123)
		s := t.open(t.dial(), "/echo")
		s.lastData(closing(1000, reason))
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "Close 1000 " + reason, "END_STREAM"})
		s.expectEvents("close 1000 " + reason)
	}},
	Case{Name: "a-thousand-one-after-another", RFC: "RFC 9113 section 5.1", Server: freshServer, Run: func(t *T) {
		c := t.dial()
		for range 1000 {
			s := c.connect("/echo")
			s.lastData(text("hello"), closing(1000, ""))
			t.equal("frames on each stream", s.untilEnd(), []string{"HEADERS 200", "Text hello", "Close 1000", "END_STREAM"})
		}
		t.equal("open streams", t.server.settle(0).Streams, 0)
	}},
)
