package main

import (
	"golang.org/x/net/http2"
)

// connectionFields must not be in a 200 response: they describe a body or an HTTP/1.1 connection.
var connectionFields = []string{"content-length", "transfer-encoding", "connection", "upgrade", "keep-alive"}

func answersField(name, expected, path string, edits ...edit) func(*T) {
	return func(t *T) {
		s := t.dial().connect(path, edits...)
		t.equal(":status", s.status(), "200")
		t.equal(name, s.field(name), expected)
	}
}

var _ = group("handshake",
	Case{Name: "status-200", RFC: "RFC 8441 section 5", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		for _, name := range connectionFields {
			t.equal(name, s.field(name), "absent")
		}
		t.equal("frames on the stream", s.received(), []string{"HEADERS 200"})
	}},
	Case{Name: "no-key", RFC: "RFC 8441 section 5", Run: answersField("sec-websocket-accept", "absent", "/echo")},
	Case{
		// RFC 8441 does not use the key, but undici and urllib3-future send one and expect Sec-WebSocket-Accept.
		Name: "key", RFC: "RFC 6455 section 4.2.2",
		Run: answersField("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "/echo", with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")),
	},
	Case{Name: "malformed-key", RFC: "RFC 8441 section 5", Run: answersField("sec-websocket-accept", "absent", "/echo", with("sec-websocket-key", "short"))},
	Case{Name: "version-missing", RFC: "RFC 6455 section 4.2.2", Run: func(t *T) {
		s := t.dial().connect("/echo", without("sec-websocket-version"))
		t.equal("frames on the stream", s.untilReset(), refused("400"))
		t.equal("sec-websocket-version", s.field("sec-websocket-version"), "13")
	}},
	Case{Name: "version-8", RFC: "RFC 6455 section 4.2.2", Run: func(t *T) {
		s := t.dial().connect("/echo", set("sec-websocket-version", "8"))
		t.equal("frames on the stream", s.untilReset(), refused("400"))
		t.equal("sec-websocket-version", s.field("sec-websocket-version"), "13")
	}},
	Case{Name: "version-twice", RFC: "RFC 6455 section 4.2.2", Run: isRefused("400", "/echo", with("sec-websocket-version", "8"))},
	Case{Name: "subprotocol", RFC: "RFC 6455 section 4.2.2", Run: answersField("sec-websocket-protocol", "v1", "/protocols", with("sec-websocket-protocol", "v0, v1, v2"))},
	Case{Name: "subprotocols-in-two-fields", RFC: "RFC 6455 section 11.3.4", Run: answersField("sec-websocket-protocol", "v1", "/protocols", with("sec-websocket-protocol", "v0"), with("sec-websocket-protocol", "v1"))},
	Case{Name: "no-subprotocol-in-common", RFC: "RFC 6455 section 4.2.2", Run: answersField("sec-websocket-protocol", "absent", "/protocols", with("sec-websocket-protocol", "v9"))},
	Case{Name: "no-subprotocol-offered", RFC: "RFC 6455 section 4.2.2", Run: answersField("sec-websocket-protocol", "absent", "/protocols")},
	Case{Name: "malformed-subprotocols", RFC: "RFC 6455 section 4.1", Run: isRefused("400", "/echo", with("sec-websocket-protocol", "a, ,"))},
	Case{Name: "subprotocol-named-twice", RFC: "RFC 6455 section 4.1", Run: isRefused("400", "/echo", with("sec-websocket-protocol", "a, a"))},
	Case{Name: "compression-off", RFC: "RFC 7692 section 5", Run: answersField("sec-websocket-extensions", "absent", "/echo", with("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"))},
	Case{Name: "unknown-extension", RFC: "RFC 6455 section 9.1", Run: answersField("sec-websocket-extensions", "absent", "/echo", with("sec-websocket-extensions", "x-unknown; a=1"))},
	Case{Name: "malformed-extensions", RFC: "RFC 6455 section 9.1", Run: func(t *T) {
		c := t.dial()
		s := c.connect("/echo", with("sec-websocket-extensions", "permessage-deflate; ="))
		t.oneOf(":status", s.status(), "200", "400")
		t.expectEcho(c)
	}},
	Case{Name: "origin-in-hooks", RFC: "RFC 6455 section 10.2", Run: func(t *T) {
		c := t.dial()
		t.equal("another origin", c.connect("/same-origin", with("origin", "https://evil.example")).status(), "403")
		t.equal("the same origin", c.connect("/same-origin", with("origin", "https://"+t.server.authority())).status(), "200")
		t.equal("another port", c.connect("/same-origin", with("origin", "https://localhost:1")).status(), "403")
	}},
	Case{Name: "origin-default", RFC: "RFC 6455 section 10.2", Run: func(t *T) {
		c := t.dial()
		t.equal("another site", c.connect("/echo", with("origin", "https://evil.example")).status(), "403")
		t.equal("an opaque origin", c.connect("/echo", with("origin", "null")).status(), "403")
		t.equal("another port", c.connect("/echo", with("origin", "https://localhost:1")).status(), "403")
		t.equal("the same origin", c.connect("/echo", with("origin", "https://"+t.server.authority())).status(), "200")
		t.equal("a Host field is ignored", c.connect("/echo", with("host", "evil.example"), with("origin", "https://evil.example")).status(), "403")
		t.expectEcho(c)
	}},
	Case{Name: "cookies-in-hooks", RFC: "RFC 9113 section 8.2.3", Run: func(t *T) {
		s := t.dial().connect("/same-origin", set(":authority", "here"), with("cookie", "a=1"), with("cookie", "b=2"))
		t.equal("what the handler received", s.untilCount(2)[1], `Text {"host":"here","cookie":"a=1; b=2"}`)
	}},
	Case{Name: "fields-of-hooks", RFC: "RFC 6265 section 3", Run: func(t *T) {
		s := t.open(t.dial(), "/fields")
		t.equal("set-cookie", s.field("set-cookie"), "a=1; b=2")
		t.equal("x-hook", s.field("x-hook"), "here")
		for _, name := range connectionFields {
			t.equal(name, s.field(name), "absent")
		}
		s.data(text("hello"))
		t.equal("frames on the stream", s.untilFrame("Text hello"), []string{"HEADERS 200", "Text hello"})
	}},
	Case{Name: "hook-says-401", RFC: "RFC 8441 section 5", Run: isRefused("401", "/refuse?status=401")},
	Case{Name: "hook-says-302", RFC: "RFC 6455 section 4.1", Run: func(t *T) {
		s := t.dial().connect("/refuse?status=302")
		t.equal("frames on the stream", s.untilReset(), refused("302"))
		t.equal("location", s.field("location"), "/elsewhere")
	}},
	Case{Name: "hook-says-200", RFC: "RFC 8441 section 5", Run: isRefused("502", "/refuse?status=200")},
	Case{Name: "hook-says-204", RFC: "RFC 8441 section 5", Run: isRefused("502", "/refuse?status=204")},
	Case{Name: "hook-fails", RFC: "RFC 9110 section 15", Run: isRefused("418", "/fail")},
	Case{Name: "no-route", RFC: "RFC 9110 section 15.5.5", Run: isRefused("404", "/nowhere")},
	Case{Name: "route-of-pages", RFC: "RFC 9110 section 15.5.5", Run: isRefused("404", "/plain")},
	Case{Name: "page-of-a-socket-route", RFC: "RFC 9110 section 15.5.6", Run: func(t *T) {
		c := t.dial()
		s := c.request(c.getFields("/echo"), true)
		t.equal("a GET", s.status(), "405")
		t.equal("allow", s.field("allow"), "CONNECT")
		for _, name := range []string{"connection", "upgrade"} {
			t.equal(name, s.field(name), "absent")
		}
		t.expectEcho(c)
	}},
	Case{Name: "page-on-the-same-connection", RFC: "RFC 8441 section 1", Run: func(t *T) {
		c := t.dial()
		t.expectEcho(c)
		t.equal("a GET", c.request(c.getFields("/plain"), true).status(), "200")
		t.expectEcho(c)
	}},
	Case{Name: "handler-fails", RFC: "RFC 6455 section 7.4.1", Run: func(t *T) {
		c := t.dial()
		s := c.connect("/throw")
		t.equal("frames on the stream", s.untilFrame("Close 1011"), []string{"HEADERS 200", "Close 1011"})
		s.lastData(closing(1011, ""))
		t.equal("end of the stream", s.untilEnd(), []string{"HEADERS 200", "Close 1011", "END_STREAM"})
		t.expectEcho(c)
	}},
	Case{Name: "never-answered", RFC: "RFC 9110 section 15.6.4", Server: &serverOptions{Plugin: map[string]any{"handshakeTimeout": 200}}, Run: isRefused("503", "/never-answers")},
	Case{Name: "left-before-the-answer", RFC: "RFC 9113 section 5.4.2", Server: freshServer, Run: func(t *T) {
		c := t.dial()
		socketID := t.newSocketID()
		s := c.connect(withID("/deferred", socketID))
		c.settle()
		s.reset(http2.ErrCodeCancel)
		c.settle()
		t.server.release(socketID)
		t.equal("open streams", t.server.settle(0).Streams, 0)
		t.equal("frames on the stream", s.received(), []string{})
		t.expectEcho(c)
	}},
	Case{Name: "reset-with-the-request", RFC: "RFC 9113 section 5.4.2", Run: func(t *T) {
		c := t.dial()
		c.inOnePacket(func() {
			c.connect("/echo").reset(http2.ErrCodeCancel)
		})
		t.expectEcho(c)
	}},
	Case{Name: "200-at-once", RFC: "RFC 9113 section 5.1.2", Run: func(t *T) {
		c := t.dial()
		var streams []*Stream
		c.inOnePacket(func() {
			for range 200 {
				streams = append(streams, c.connect("/echo"))
			}
		})
		for _, s := range streams {
			t.equal(":status", s.status(), "200")
		}
	}},
)
