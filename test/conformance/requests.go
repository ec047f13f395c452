package main

import (
	"strings"

	"golang.org/x/net/http2"
)

var malformed = []string{"RST_STREAM PROTOCOL_ERROR"}

// refused returns the frames of a refused handshake. RFC 9113 section 8.1 defines the RST_STREAM.
func refused(status string) []string {
	return []string{"HEADERS " + status, "END_STREAM", "RST_STREAM NO_ERROR"}
}

// isMalformed expects a stream error, which must not affect the connection.
func isMalformed(edits ...edit) func(*T) {
	return func(t *T) {
		c := t.dial()
		t.equal("frames on the stream", c.connect("/echo", edits...).untilReset(), malformed)
		t.expectEcho(c)
	}
}

// isRefused expects a response with this status, which must not affect the connection.
func isRefused(status, path string, edits ...edit) func(*T) {
	return func(t *T) {
		c := t.dial()
		t.equal("frames on the stream", c.connect(path, edits...).untilReset(), refused(status))
		t.expectEcho(c)
	}
}

// isRejectedOrRemoved is for a field value that makes a request malformed. nghttp2 removes such a field instead:
// https://nghttp2.org/documentation/programmers-guide.html#http-messaging
func isRejectedOrRemoved(cookie string) func(*T) {
	return func(t *T) {
		c := t.dial()
		s := c.connect("/same-origin", set(":authority", "here"), with("cookie", cookie))
		t.oneOf("frames on the stream", s.untilCount(2), malformed, []string{"HEADERS 200", `Text {"host":"here"}`})
		t.expectEcho(c)
	}
}

// isServed expects that the server accepts the handshake.
func isServed(edits ...edit) func(*T) {
	return func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo", edits...)
		s.data(text("hello"))
		t.equal("frames on the stream", s.untilFrame("Text hello"), []string{"HEADERS 200", "Text hello"})
	}
}

var _ = group("pseudo-headers",
	Case{Name: "all", RFC: "RFC 8441 sections 4, 5", Run: isServed()},
	Case{Name: "no-scheme", RFC: "RFC 8441 section 4", Run: isMalformed(without(":scheme"))},
	Case{Name: "no-path", RFC: "RFC 8441 section 4", Run: isMalformed(without(":path"))},
	Case{Name: "no-authority", RFC: "RFC 8441 section 4", Run: isMalformed(without(":authority"))},
	Case{Name: "no-authority-but-host", RFC: "RFC 8441 section 4", Run: isMalformed(without(":authority"), with("host", "localhost"))},
	Case{Name: "no-method", RFC: "RFC 9113 section 8.3.1", Run: isMalformed(without(":method"))},
	Case{Name: "empty-path", RFC: "RFC 9113 section 8.3.1", Run: isMalformed(set(":path", ""))},
	Case{Name: "path-without-slash", RFC: "RFC 9113 section 8.3.1", Run: isMalformed(set(":path", "echo"))},
	Case{Name: "protocol-twice", RFC: "RFC 9113 section 8.3", Run: isMalformed(prepend(":protocol", "websocket"))},
	Case{Name: "path-twice", RFC: "RFC 9113 section 8.3", Run: isMalformed(prepend(":path", "/echo"))},
	Case{Name: "protocol-after-fields", RFC: "RFC 9113 section 8.3", Run: isMalformed(without(":protocol"), with(":protocol", "websocket"))},
	Case{Name: "unknown", RFC: "RFC 9113 section 8.3", Run: isMalformed(prepend(":upgrade", "websocket"))},
	Case{Name: "status-of-a-client", RFC: "RFC 9113 section 8.3", Run: isMalformed(prepend(":status", "200"))},
	Case{Name: "protocol-of-a-get", RFC: "RFC 8441 section 4", Run: isMalformed(set(":method", "GET"))},
	Case{Name: "protocol-of-a-post", RFC: "RFC 8441 section 4", Run: isMalformed(set(":method", "POST"))},
	Case{Name: "protocol-with-line-breaks", RFC: "RFC 9113 section 8.2.1", Run: isMalformed(set(":protocol", "web\r\nsocket"))},
	Case{Name: "protocol-with-nul", RFC: "RFC 9113 section 8.2.1", Run: isMalformed(set(":protocol", "websocket\x00"))},
	Case{Name: "path-with-line-breaks", RFC: "RFC 9113 section 8.2.1", Run: isMalformed(set(":path", "/echo\r\nx: y"))},
	Case{Name: "protocol-in-upper-case", RFC: "RFC 9110 section 7.8", Run: isServed(set(":protocol", "WebSocket"))},
	Case{Name: "protocol-empty", RFC: "RFC 9220 section 3", Run: func(t *T) {
		c := t.dial()
		t.oneOf("frames on the stream", c.connect("/echo", set(":protocol", "")).untilReset(), malformed, refused("501"))
		t.expectEcho(c)
	}},
	Case{Name: "protocol-unknown", RFC: "RFC 9220 section 3", Run: isRefused("501", "/echo", set(":protocol", "connect-udp"))},
	Case{Name: "protocol-almost-known", RFC: "RFC 9220 section 3", Run: isRefused("501", "/echo", set(":protocol", "websockets"))},
	Case{Name: "tunnel", RFC: "RFC 9110 section 9.3.6", Run: isRefused("405", "", without(":protocol", ":scheme", ":path"))},
	Case{Name: "tunnel-with-path", RFC: "RFC 9113 section 8.5", Run: isMalformed(without(":protocol"))},
	Case{Name: "scheme-of-the-other-kind", RFC: "RFC 8441 section 5", Run: func(t *T) {
		// A proxy may send "https" for a request without TLS.
		other := map[string]string{"http": "https", "https": "http"}[t.server.scheme()]
		isServed(set(":scheme", other))(t)
	}},
	Case{Name: "end-stream", RFC: "RFC 8441 section 5", Run: func(t *T) {
		c := t.dial()
		s := c.request(c.connectFields("/echo"), true)
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 400", "END_STREAM"})
		t.expectEcho(c)
	}},
	Case{Name: "query", RFC: "RFC 8441 section 5", Run: func(t *T) {
		s := t.open(t.dial(), "/items/a?b=c%20d")
		t.equal("what the handler received", s.untilCount(2)[1], `Text a {"b":"c d","id":"`+s.socketID+`"}`)
	}},
	Case{Name: "percent-encoded", RFC: "RFC 8441 section 5", Run: func(t *T) {
		s := t.dial().connect("/items/%C3%A9%2F")
		t.equal("what the handler received", s.untilCount(2)[1], "Text é/ {}")
	}},
	Case{Name: "bad-percent-encoding", RFC: "RFC 9110 section 15.5.1", Run: isRefused("400", "/%zz")},
	Case{Name: "asterisk", RFC: "RFC 9113 section 8.3.1", Run: isMalformed(set(":path", "*"))},
	Case{Name: "path-of-8-kilobytes", RFC: "RFC 9110 section 4.1", Run: isRefused("404", "/"+strings.Repeat("a", 8192))},
	Case{Name: "authority-of-another", RFC: "RFC 8441 section 5", Run: isServed(set(":authority", "example.org"))},
	Case{Name: "authority-with-address", RFC: "RFC 8441 section 5", Run: isServed(set(":authority", "[::1]:443"))},
	Case{Name: "authority-and-another-host", RFC: "RFC 9113 section 8.3.1", Run: func(t *T) {
		s := t.open(t.dial(), "/same-origin", set(":authority", "example.org"), with("host", "example.com"))
		t.equal("what the handler received", s.untilCount(2)[1], `Text {"host":"example.org"}`)
	}},
)

var _ = group("fields",
	Case{Name: "connection", RFC: "RFC 9113 section 8.2.2", Run: isMalformed(with("connection", "upgrade"))},
	Case{Name: "upgrade", RFC: "RFC 9113 section 8.2.2", Run: isMalformed(with("upgrade", "websocket"))},
	Case{Name: "transfer-encoding", RFC: "RFC 9113 section 8.2.2", Run: isMalformed(with("transfer-encoding", "chunked"))},
	Case{Name: "keep-alive", RFC: "RFC 9113 section 8.2.2", Run: isMalformed(with("keep-alive", "timeout=5"))},
	Case{Name: "proxy-connection", RFC: "RFC 9113 section 8.2.2", Run: isMalformed(with("proxy-connection", "keep-alive"))},
	Case{Name: "te-gzip", RFC: "RFC 9113 section 8.2.2", Run: isMalformed(with("te", "gzip"))},
	Case{Name: "te-trailers", RFC: "RFC 9113 section 8.2.2", Run: isServed(with("te", "trailers"))},
	Case{Name: "upper-case-name", RFC: "RFC 9113 section 8.2.1", Run: isMalformed(with("X-Upper", "1"))},
	Case{Name: "value-with-line-breaks", RFC: "RFC 9113 section 8.2.1", Run: isRejectedOrRemoved("a=1\r\nb: c")},
	Case{Name: "value-with-nul", RFC: "RFC 9113 section 8.2.1", Run: isRejectedOrRemoved("a=1\x00")},
	Case{Name: "content-length-0", RFC: "RFC 8441 section 5", Run: isRefused("400", "/echo", with("content-length", "0"))},
	Case{Name: "content-length-5", RFC: "RFC 8441 section 5", Run: isRefused("400", "/echo", with("content-length", "5"))},
	Case{Name: "expect", RFC: "RFC 9110 section 10.1.1", Run: isServed(with("expect", "100-continue"))},
	Case{Name: "in-continuation-frames", RFC: "RFC 9113 section 6.10", Run: func(t *T) {
		c := t.dialWith(connOptions{fragmentSize: 2000})
		t.open(c, "/echo", with("x-long", strings.Repeat("x", 10_000)))
		t.expectEcho(c)
	}},
	Case{Name: "too-large", RFC: "RFC 9113 section 10.5.1", Run: func(t *T) {
		c := t.dial()
		s := c.connect("/echo", with("x-long", strings.Repeat("x", 200_000)))
		c.settle()
		t.oneOf("frames on the stream", s.received(), []string{"RST_STREAM ENHANCE_YOUR_CALM"}, []string{"HEADERS 431"}, []string{})
		t.expectEcho(t.dial())
	}},
	Case{Name: "bad-hpack", RFC: "RFC 9113 section 4.3", Run: func(t *T) {
		c := t.dial()
		c.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x0f})
		t.expectConnectionError(c, "COMPRESSION_ERROR")
	}},
)
