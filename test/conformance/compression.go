package main

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"

	"github.com/gobwas/ws"
)

// deflated is the reserved bit of a compressed message (RFC 7692 section 6).
var deflated = ws.Rsv(true, false, false)

// tail is what a sender removes from the end of a message, and an empty final block.
var tail = []byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}

// deflater compresses the messages of a client, each with the context of those before it.
type deflater struct {
	out    bytes.Buffer
	writer *flate.Writer
}

func (d *deflater) payload(message string) []byte {
	if d.writer == nil {
		d.writer, _ = flate.NewWriter(&d.out, flate.DefaultCompression)
	}
	d.out.Reset()
	io.WriteString(d.writer, message)
	d.writer.Flush()
	return bytes.Clone(bytes.TrimSuffix(d.out.Bytes(), tail[:4]))
}

func (d *deflater) text(message string) []byte {
	return reserved(ws.NewTextFrame(d.payload(message)), deflated)
}

// deflateOnce returns a message that is compressed without context.
func deflateOnce(message string) []byte {
	return (&deflater{}).text(message)
}

// inflater decompresses the messages of a server, each with the last `window` bytes of those before it.
type inflater struct {
	window  int
	context []byte
}

func (i *inflater) message(payload []byte) string {
	reader := flate.NewReaderDict(io.MultiReader(bytes.NewReader(payload), bytes.NewReader(tail)), i.context)
	message, err := io.ReadAll(reader)
	if err != nil {
		return "not inflated: " + err.Error()
	}
	history := append(bytes.Clone(i.context), message...)
	i.context = history[max(0, len(history)-i.window):]
	return string(message)
}

// compressed opens a socket that compresses.
func (t *T) compressed(c *Conn, path string, params ...string) *Socket {
	offer := strings.Join(append([]string{"permessage-deflate"}, params...), "; ")
	return t.open(c, path, with("sec-websocket-extensions", offer))
}

// echoes sends messages, and expects each to be echoed, compressed. A window of 0 is no context takeover.
func (t *T) echoes(s *Socket, window int, takesOver bool) {
	client, server := &deflater{}, &inflater{window: window}
	for number := range 4 {
		message := fmt.Sprintf("message %d, %s", number, longText)
		if !takesOver {
			client = &deflater{}
		}
		s.data(client.text(message))
		frames := s.untilCount(2 + number)
		t.isTrue("RSV1", strings.HasPrefix(frames[len(frames)-1], "Text rsv "), frames)
		t.equal("the echo", server.message(s.payload(number)), message)
	}
}

const maxWindow = 32 << 10

var longText = strings.Repeat("a text that can be compressed, with numbers from 0 to 9; ", 40)

func deflating(options map[string]any) *serverOptions {
	return &serverOptions{Plugin: map[string]any{"options": map[string]any{"perMessageDeflate": options}}}
}

var (
	withoutTakeover = deflating(map[string]any{"serverNoContextTakeover": true, "clientNoContextTakeover": true, "threshold": 100})
	smallWindows    = deflating(map[string]any{"serverMaxWindowBits": 9, "clientMaxWindowBits": 9})
	oneSocket       = &serverOptions{Plugin: map[string]any{
		"options": map[string]any{"perMessageDeflate": true}, "compressionBudget": 359_344,
	}}
)

// violatesCompressed sends frames on a socket that compresses: the server must close it with this code, and only it.
func violatesCompressed(path, code string, frames ...[]byte) func(*T) {
	return func(t *T) {
		c := t.dial()
		s := t.compressed(c, path)
		s.data(frames...)
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "Close " + code, "END_STREAM"})
		t.echoes(t.compressed(c, "/echo"), maxWindow, true)
	}
}

var _ = group("compression",
	Case{Name: "context-takeover", RFC: "RFC 7692 section 7.2", Server: compressing, Run: func(t *T) {
		s := t.compressed(t.dial(), "/echo", "client_max_window_bits")
		t.equal("sec-websocket-extensions", s.field("sec-websocket-extensions"), "permessage-deflate")
		t.echoes(s, maxWindow, true)
		t.isTrue("the context is used", len(s.payload(1)) < len(s.payload(0))/2, len(s.payload(1)))
	}},
	Case{Name: "no-context-takeover", RFC: "RFC 7692 section 7.1.1", Server: withoutTakeover, Run: func(t *T) {
		s := t.compressed(t.dial(), "/echo")
		accepted := s.field("sec-websocket-extensions")
		for _, param := range []string{"server_no_context_takeover", "client_no_context_takeover"} {
			t.isTrue(param, strings.Contains(accepted, param), accepted)
		}
		t.echoes(s, 0, false)
		s.data(deflateOnce("short"))
		t.equal("below the threshold", s.untilCount(6)[5], "Text short")
	}},
	Case{Name: "no-context-takeover-of-the-client", RFC: "RFC 7692 section 7.1.1.1", Server: compressing, Run: func(t *T) {
		s := t.compressed(t.dial(), "/echo", "server_no_context_takeover", "client_no_context_takeover")
		t.equal("sec-websocket-extensions", s.field("sec-websocket-extensions"), "permessage-deflate; server_no_context_takeover; client_no_context_takeover")
		t.echoes(s, 0, false)
	}},
	Case{Name: "window-bits", RFC: "RFC 7692 section 7.1.2", Server: smallWindows, Run: func(t *T) {
		s := t.compressed(t.dial(), "/echo", "client_max_window_bits")
		accepted := s.field("sec-websocket-extensions")
		for _, param := range []string{"server_max_window_bits=9", "client_max_window_bits=9"} {
			t.isTrue(param, strings.Contains(accepted, param), accepted)
		}
		t.echoes(s, 512, false)
	}},
	Case{Name: "window-bits-of-the-client", RFC: "RFC 7692 section 7.1.2.1", Server: compressing, Run: func(t *T) {
		s := t.compressed(t.dial(), "/echo", "server_max_window_bits=10")
		t.equal("sec-websocket-extensions", s.field("sec-websocket-extensions"), "permessage-deflate; server_max_window_bits=10")
		t.echoes(s, 1024, true)
	}},
	Case{Name: "second-offer", RFC: "RFC 7692 section 5.1", Server: smallWindows, Run: func(t *T) {
		s := t.open(t.dial(), "/echo", with("sec-websocket-extensions", "permessage-deflate; server_max_window_bits=8"),
			with("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"))
		t.isTrue("sec-websocket-extensions", strings.Contains(s.field("sec-websocket-extensions"), "client_max_window_bits=9"), s.field("sec-websocket-extensions"))
		t.echoes(s, 512, false)
	}},
	Case{Name: "malformed-offer", RFC: "RFC 7692 section 7.1", Server: compressing, Run: func(t *T) {
		c := t.dial()
		for _, param := range []string{"server_max_window_bits=7", "server_max_window_bits", "x-unknown", "client_no_context_takeover=1"} {
			s := c.connect("/echo", with("sec-websocket-extensions", "permessage-deflate; "+param))
			t.oneOf(":status for "+param, s.status(), "200", "400")
			t.equal("sec-websocket-extensions", s.field("sec-websocket-extensions"), "absent")
		}
		t.expectEcho(c)
	}},
	Case{Name: "not-offered", RFC: "RFC 7692 section 5", Server: compressing, Run: violates("1002", deflateOnce("a"))},
	Case{Name: "uncompressed-message", RFC: "RFC 7692 section 6", Server: compressing, Run: func(t *T) {
		s := t.compressed(t.dial(), "/echo")
		s.data(text("plain"), deflateOnce("compressed"), text("plain"))
		server := &inflater{window: maxWindow}
		s.untilCount(4)
		for number, message := range []string{"plain", "compressed", "plain"} {
			t.equal("the echo", server.message(s.payload(number)), message)
		}
	}},
	Case{Name: "fragments", RFC: "RFC 7692 section 6.1", Server: compressing, Run: func(t *T) {
		s := t.compressed(t.dial(), "/echo")
		payload := (&deflater{}).payload(longText)
		first := ws.NewFrame(ws.OpText, false, payload[:3])
		s.data(reserved(first, deflated), fragment(ws.OpContinuation, false, string(payload[3:20])), ping("between"))
		s.data(fragment(ws.OpContinuation, true, string(payload[20:])))
		t.equal("the pong", s.untilCount(3)[1], "Pong between")
		t.equal("the echo", (&inflater{window: maxWindow}).message(s.payload(0)), longText)
	}},
	Case{Name: "final-block", RFC: "RFC 7692 section 7.2.3.4", Server: compressing, Run: func(t *T) {
		var out bytes.Buffer
		writer, _ := flate.NewWriter(&out, flate.DefaultCompression)
		io.WriteString(writer, "Hello")
		writer.Close()
		s := t.compressed(t.dial(), "/echo")
		s.data(reserved(ws.NewTextFrame(append(out.Bytes(), 0)), deflated))
		s.untilCount(2)
		t.equal("the echo", (&inflater{window: maxWindow}).message(s.payload(0)), "Hello")
	}},
	Case{Name: "rsv1-in-continuation", RFC: "RFC 7692 section 6", Server: compressing, Run: violatesCompressed("/echo", "1002",
		reserved(ws.NewFrame(ws.OpText, false, (&deflater{}).payload("a")), deflated), reserved(ws.NewFrame(ws.OpContinuation, true, nil), deflated))},
	Case{Name: "rsv1-in-ping", RFC: "RFC 7692 section 6", Server: compressing, Run: violatesCompressed("/echo", "1002", reserved(ws.NewPingFrame(nil), deflated))},
	Case{Name: "invalid-data", RFC: "RFC 7692 section 7.2.2", Server: compressing, Run: violatesCompressed("/echo", "1007",
		reserved(ws.NewTextFrame([]byte{0xff, 0xff, 0xff, 0xff}), deflated))},
	Case{Name: "invalid-utf8", RFC: "RFC 6455 section 8.1", Server: compressing, Run: violatesCompressed("/echo", "1007", deflateOnce("\xff"))},
	Case{Name: "bomb", RFC: "RFC 7692 section 8", Server: compressing, Run: violatesCompressed("/small", "1009",
		reserved(ws.NewBinaryFrame(bomb(16<<20)), deflated))},
	Case{Name: "budget", RFC: "RFC 7692 section 5", Server: oneSocket, Run: func(t *T) {
		c := t.dial()
		first, second := t.compressed(c, "/echo"), t.compressed(c, "/echo")
		t.equal("the first", first.field("sec-websocket-extensions"), "permessage-deflate")
		t.equal("the second", second.field("sec-websocket-extensions"), "absent")
		second.data(text("plain"))
		t.equal("the second", second.untilCount(2)[1], "Text plain")
		t.echoes(first, maxWindow, true)
	}},
	Case{Name: "close-after-messages", RFC: "RFC 6455 section 5.5.1", Server: compressing, Run: func(t *T) {
		s := t.compressed(t.dial(), "/echo")
		client := &deflater{}
		for range 5 {
			s.data(client.text(longText))
		}
		// As Chromium sends it.
		s.lastData(closing(1000, ""))
		frames := s.untilEnd()
		t.equal("the last frames", frames[len(frames)-2:], []string{"Close 1000", "END_STREAM"})
		t.equal("frames", len(frames), 8)
	}},
)
