package main

import (
	"bytes"
	"slices"
	"strings"

	"github.com/gobwas/ws"
)

// violates sends frames that violate the protocol: the server must close the socket with this code, and only the socket.
func violates(code string, frames ...[]byte) func(*T) {
	return violatesOn("/echo", code, frames...)
}

func violatesOn(path, code string, frames ...[]byte) func(*T) {
	return func(t *T) {
		c := t.dial()
		s := t.open(c, path)
		s.data(frames...)
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "Close " + code, "END_STREAM"})
		t.equal("end of the stream", s.untilReset()[3:], []string{"RST_STREAM NO_ERROR"})
		t.equal("close event of the handler", slices.ContainsFunc(t.server.events(s.socketID, 2), func(event string) bool {
			return event == "close "+code
		}), true)
		t.expectEcho(c)
	}
}

func rawFrame(bytes ...byte) []byte {
	return bytes
}

var _ = group("messages",
	Case{Name: "fragments", RFC: "RFC 6455 section 5.4", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.data(fragment(ws.OpText, false, "one "), fragment(ws.OpContinuation, false, ""), fragment(ws.OpContinuation, true, "message"))
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Text one message"})
	}},
	Case{Name: "control-frame-between-fragments", RFC: "RFC 6455 section 5.4", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.data(fragment(ws.OpBinary, false, "one "), ping("between"), fragment(ws.OpContinuation, true, "message"))
		t.equal("frames on the stream", s.untilCount(3), []string{"HEADERS 200", "Pong between", "Binary one message"})
	}},
	Case{Name: "ping", RFC: "RFC 6455 section 5.5.2", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.data(ping(""), ping("with words"), ping(strings.Repeat("p", 125)))
		t.equal("frames on the stream", s.untilCount(4), []string{"HEADERS 200", "Pong ", "Pong with words", "Pong " + strings.Repeat("p", 125)})
		s.expectEvents("ping", "ping with words", "ping "+strings.Repeat("p", 125))
	}},
	Case{Name: "ping-of-the-server", RFC: "RFC 6455 section 5.5.3", Run: func(t *T) {
		s := t.open(t.dial(), "/ping")
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Ping are you there"})
		s.data(masked(ws.NewPongFrame([]byte("are you there"))))
		s.expectEvents("pong are you there")
	}},
	Case{Name: "pong-unasked", RFC: "RFC 6455 section 5.5.3", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.data(masked(ws.NewPongFrame([]byte("unasked"))), text("goes on"))
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Text goes on"})
	}},
	Case{Name: "utf8-cut-in-a-character", RFC: "RFC 6455 section 8.1", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.data(fragment(ws.OpText, false, "caf\xc3"), fragment(ws.OpContinuation, true, "\xa9"))
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Text café"})
	}},
	Case{Name: "binary-need-not-be-utf8", RFC: "RFC 6455 section 5.6", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.data(binary([]byte{0xff, 0xfe}))
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Binary of 2 bytes"})
	}},
	Case{Name: "unmasked", RFC: "RFC 6455 section 5.1", Run: violates("1002", ws.MustCompileFrame(ws.NewTextFrame([]byte("bare"))))},
	Case{Name: "reserved-bit-1", RFC: "RFC 6455 section 5.2", Run: violates("1002", reserved(ws.NewTextFrame([]byte("a")), ws.Rsv(true, false, false)))},
	Case{Name: "reserved-bit-2", RFC: "RFC 6455 section 5.2", Run: violates("1002", reserved(ws.NewTextFrame([]byte("a")), ws.Rsv(false, true, false)))},
	Case{Name: "reserved-bit-3", RFC: "RFC 6455 section 5.2", Run: violates("1002", reserved(ws.NewTextFrame([]byte("a")), ws.Rsv(false, false, true)))},
	Case{Name: "reserved-opcode-3", RFC: "RFC 6455 section 5.2", Run: violates("1002", fragment(3, true, "a"))},
	Case{Name: "reserved-opcode-11", RFC: "RFC 6455 section 5.2", Run: violates("1002", fragment(11, true, "a"))},
	Case{Name: "continuation-of-nothing", RFC: "RFC 6455 section 5.4", Run: violates("1002", fragment(ws.OpContinuation, true, "a"))},
	Case{Name: "message-within-a-message", RFC: "RFC 6455 section 5.4", Run: violates("1002", fragment(ws.OpText, false, "a"), text("b"))},
	Case{Name: "ping-in-fragments", RFC: "RFC 6455 section 5.5", Run: violates("1002", fragment(ws.OpPing, false, "a"))},
	Case{Name: "ping-of-126-bytes", RFC: "RFC 6455 section 5.5", Run: violates("1002", ping(strings.Repeat("p", 126)))},
	Case{Name: "close-of-126-bytes", RFC: "RFC 6455 section 5.5", Run: violates("1002", closingRaw(append([]byte{3, 0xe8}, strings.Repeat("c", 124)...)))},
	Case{Name: "text-that-is-not-utf8", RFC: "RFC 6455 section 8.1", Run: violates("1007", text("\xc3\x28"))},
	Case{Name: "fragments-that-are-not-utf8", RFC: "RFC 6455 section 8.1", Run: violates("1007", fragment(ws.OpText, false, "caf\xc3"), fragment(ws.OpContinuation, true, "("))},
	Case{Name: "larger-than-maxPayload", RFC: "RFC 6455 section 7.4.1", Run: violatesOn("/small", "1009", binary(make([]byte, 1025)))},
	Case{Name: "fragments-larger-than-maxPayload", RFC: "RFC 6455 section 7.4.1", Run: violatesOn("/small", "1009", fragment(ws.OpBinary, false, strings.Repeat("a", 1000)), fragment(ws.OpContinuation, true, strings.Repeat("a", 25)))},
	Case{Name: "length-said-to-be-8-exabytes", RFC: "RFC 6455 section 5.2", Run: violates("1009", rawFrame(0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4))},
	Case{Name: "more-fragments-than-maxFragments", RFC: "RFC 6455 section 10.4", Run: violatesOn("/small", "1008", fragment(ws.OpText, false, "a"), bytes.Repeat(fragment(ws.OpContinuation, false, "a"), 8))},
)
