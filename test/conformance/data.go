package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http2"
)

var _ = group("data",
	Case{Name: "cut-at-every-byte", RFC: "RFC 8441 section 5", Run: func(t *T) {
		c := t.dial()
		frame := text(strings.Repeat("cut", 50))
		for cut := 1; cut < len(frame); cut++ {
			s := t.open(c, "/echo")
			s.data(frame[:cut])
			c.settle()
			s.lastData(frame[cut:], closing(1000, ""))
			t.equal(fmt.Sprintf("cut at %d", cut), s.untilEnd(), []string{"HEADERS 200", "Text of 150 bytes", "Close 1000", "END_STREAM"})
		}
	}},
	Case{Name: "one-byte-frames", RFC: "RFC 8441 section 5", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		for _, each := range slices.Concat(text("one"), ping("two"), binary([]byte("three"))) {
			s.data([]byte{each})
		}
		t.equal("frames on the stream", s.untilFrame("Binary three"), []string{"HEADERS 200", "Text one", "Pong two", "Binary three"})
	}},
	Case{Name: "many-in-one", RFC: "RFC 8441 section 5", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		var all []byte
		expected := []string{"HEADERS 200"}
		for i := range 1000 {
			word := fmt.Sprint(i)
			all = append(all, text(word)...)
			expected = append(expected, "Text "+word)
		}
		s.data(all)
		t.equal("frames on the stream", s.untilCount(len(expected)), expected)
	}},
	Case{Name: "padded", RFC: "RFC 9113 section 6.1", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		for _, length := range []int{0, 1, 254, 255} {
			frame := text(fmt.Sprint("padded ", length))
			s.conn.raw(http2.FrameData, http2.FlagDataPadded, s.id, slices.Concat([]byte{byte(length)}, frame, make([]byte, length)))
		}
		t.equal("frames on the stream", s.untilCount(5), []string{"HEADERS 200", "Text padded 0", "Text padded 1", "Text padded 254", "Text padded 255"})
	}},
	Case{Name: "nothing-but-padding", RFC: "RFC 9113 section 6.1", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		frame := text("around")
		s.data(frame[:3])
		s.conn.raw(http2.FrameData, http2.FlagDataPadded, s.id, append([]byte{200}, make([]byte, 200)...))
		s.data(frame[3:])
		t.equal("frames on the stream", s.untilFrame("Text around"), []string{"HEADERS 200", "Text around"})
	}},
	Case{Name: "padding-longer-than-the-frame", RFC: "RFC 9113 section 6.1", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.raw(http2.FrameData, http2.FlagDataPadded, s.id, []byte{200, 1, 2})
		t.expectConnectionError(c, "PROTOCOL_ERROR")
	}},
	Case{Name: "empty", RFC: "RFC 9113 section 6.1", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		frame := text("around")
		for i := range frame {
			s.data(frame[i : i+1])
			s.conn.raw(http2.FrameData, 0, s.id, nil)
		}
		t.equal("frames on the stream", s.untilFrame("Text around"), []string{"HEADERS 200", "Text around"})
	}},
	Case{Name: "in-the-packet-of-the-connect", RFC: "RFC 8441 section 5", Run: func(t *T) {
		c := t.dial()
		var s *Stream
		c.inOnePacket(func() {
			s = c.connect("/echo")
			s.data(text("early"), binary([]byte("bird")))
		})
		t.equal("frames on the stream", s.untilFrame("Binary bird"), []string{"HEADERS 200", "Text early", "Binary bird"})
	}},
	Case{Name: "all-in-the-packet-of-the-connect", RFC: "RFC 8441 section 5", Run: func(t *T) {
		c := t.dial()
		var s *Stream
		c.inOnePacket(func() {
			s = c.connect("/echo")
			s.lastData(text("early"), closing(1000, "bye"))
		})
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "Text early", "Close 1000 bye", "END_STREAM"})
	}},
	Case{Name: "before-the-200", RFC: "RFC 8441 section 5", Run: func(t *T) {
		c := t.dial()
		socketID := t.newSocketID()
		s := c.connect(withID("/deferred", socketID))
		for i := range 100 {
			s.data(text(fmt.Sprint(i)))
		}
		c.settle()
		t.equal("frames while a hook waits", s.received(), []string(nil))
		t.server.release(socketID)
		all := s.untilCount(101)
		t.equal("messages", len(all), 101)
		t.equal("the last message", all[100], "Text 99")
	}},
	Case{Name: "more-than-a-window-before-the-200", RFC: "RFC 9113 section 6.9", Run: func(t *T) {
		c := t.dial()
		socketID := t.newSocketID()
		s := c.connect(withID("/deferred", socketID))
		s.data(binary(make([]byte, 65_000)))
		c.settle()
		t.isTrue("the stream's window stays closed", s.increments < 65_000, s.increments)
		t.server.release(socketID)
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Binary of 65000 bytes"})
	}},
	Case{Name: "every-length", RFC: "RFC 6455 section 5.2", Run: func(t *T) {
		c := t.dial()
		for _, length := range []int{0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20} {
			s := t.open(c, "/echo")
			payload := bytes.Repeat([]byte{0xa5}, length)
			t.isTrue("the server accepts it", s.upload(binary(payload)), s.Stream)
			s.untilCount(2)
			t.isTrue(fmt.Sprintf("%d bytes come back", length), bytes.Equal(s.payload(0), payload), s)
		}
	}},
	Case{Name: "frames-of-the-size-we-take", RFC: "RFC 9113 section 4.2", Run: func(t *T) {
		c := t.dial(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
		s := t.open(c, "/push?bytes=200000")
		s.untilFrame("Binary of 200000 bytes")
		t.isTrue("no DATA frame has more than 16384 bytes", slices.Max(s.sizes) <= 16_384, slices.Max(s.sizes))
	}},
	Case{Name: "larger-than-the-server-takes", RFC: "RFC 9113 section 4.2", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.raw(http2.FrameData, 0, s.id, make([]byte, 16_385))
		t.expectConnectionError(c, "FRAME_SIZE_ERROR")
	}},
	Case{Name: "server-frames-are-not-masked", RFC: "RFC 6455 section 5.1", Run: func(t *T) {
		s := t.open(t.dial(), "/echo")
		s.data(text("a"), binary([]byte("b")), ping("c"))
		t.equal("frames on the stream", s.untilFrame("Pong c"), []string{"HEADERS 200", "Text a", "Binary b", "Pong c"})
	}},
	Case{Name: "interleaved-with-siblings", RFC: "RFC 9113 section 5", Run: func(t *T) {
		c := t.dial()
		var sockets []*Socket
		for range 20 {
			sockets = append(sockets, t.open(c, "/echo"))
		}
		frame := text("in pieces of one byte each, beside nineteen others")
		c.inOnePacket(func() {
			for i := range frame {
				for _, s := range sockets {
					s.data(frame[i : i+1])
				}
			}
		})
		for _, s := range sockets {
			t.equal("frames on each stream", s.untilCount(2), []string{"HEADERS 200", "Text in pieces of one byte each, beside nineteen others"})
		}
	}},
)
