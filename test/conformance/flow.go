package main

import (
	"bytes"
	"slices"

	"golang.org/x/net/http2"
)

func window(size uint32) http2.Setting {
	return http2.Setting{ID: http2.SettingInitialWindowSize, Val: size}
}

var _ = group("flow",
	Case{Name: "window-0", RFC: "RFC 9113 section 6.9.2", Run: func(t *T) {
		c := t.dial(window(0))
		s := t.open(c, "/echo")
		s.data(text("behind a window"), ping("me too"))
		c.settle()
		t.equal("with the window closed", s.received(), []string{"HEADERS 200"})
		s.expectEvents("message text 15", "ping me too")
		c.windowUpdate(s.id, 1000)
		t.equal("with the window open", s.untilCount(3), []string{"HEADERS 200", "Text behind a window", "Pong me too"})
	}},
	Case{Name: "window-of-one-byte", RFC: "RFC 9113 section 6.9", Run: func(t *T) {
		c := t.dialWith(connOptions{settings: []http2.Setting{window(1)}, manualWindows: true})
		s := t.open(c, "/echo")
		s.data(text("one byte after another"))
		for got := 1; got < 24; got++ {
			c.wait(func() bool { return len(s.sizes) >= got })
			c.windowUpdate(s.id, 1)
		}
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Text one byte after another"})
		t.isTrue("every DATA frame contains one byte", slices.Max(s.sizes) == 1, s.sizes)
	}},
	Case{Name: "close-behind-window-0", RFC: "RFC 9113 section 6.9", Run: func(t *T) {
		c := t.dial(window(0))
		s := t.open(c, "/echo")
		s.data(text("first"), closing(1000, ""))
		c.settle()
		t.equal("with the window closed", s.received(), []string{"HEADERS 200"})
		c.windowUpdate(s.id, 1000)
		t.equal("with the window open", s.untilEnd(), []string{"HEADERS 200", "Text first", "Close 1000", "END_STREAM"})
	}},
	Case{Name: "settings-open-the-window", RFC: "RFC 9113 section 6.9.2", Run: func(t *T) {
		c := t.dial(window(0))
		s := t.open(c, "/echo")
		s.data(text("hello"))
		c.settle()
		c.sendSettings(window(100))
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Text hello"})
	}},
	Case{Name: "settings-make-the-window-negative", RFC: "RFC 9113 section 6.9.2", Run: func(t *T) {
		c := t.dialWith(connOptions{settings: []http2.Setting{window(1000)}, manualWindows: true})
		s := t.open(c, "/push?bytes=3000")
		c.wait(func() bool { return sum(s.sizes) == 1000 })
		c.sendSettings(window(0))
		c.settle()
		c.windowUpdate(s.id, 500)
		c.settle()
		t.equal("bytes received while the window is negative", s.receivedBytes(), 1000)
		c.windowUpdate(s.id, 3000)
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Binary of 3000 bytes"})
	}},
	Case{Name: "window-of-the-connection", RFC: "RFC 9113 section 6.9.1", Run: func(t *T) {
		c := t.dialWith(connOptions{settings: []http2.Setting{window(1 << 20)}, manualWindows: true})
		s := t.open(c, "/push?bytes=100000")
		c.wait(func() bool { return sum(s.sizes) == 65_535 })
		c.settle()
		t.equal("bytes received", s.receivedBytes(), 65_535)
		c.windowUpdate(0, 1<<20)
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Binary of 100000 bytes"})
	}},
	Case{Name: "window-update-of-0", RFC: "RFC 9113 section 6.9", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.windowUpdate(s.id, 0)
		t.expectStreamError(s, "PROTOCOL_ERROR")
	}},
	Case{Name: "window-overflow", RFC: "RFC 9113 section 6.9.1", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.windowUpdate(s.id, 1<<31-1)
		t.expectStreamError(s, "FLOW_CONTROL_ERROR")
	}},
	Case{Name: "window-overflow-of-the-connection", RFC: "RFC 9113 section 6.9.1", Run: func(t *T) {
		c := t.dial()
		t.open(c, "/echo")
		c.windowUpdate(0, 1<<31-1)
		t.expectConnectionError(c, "FLOW_CONTROL_ERROR")
	}},
	Case{Name: "window-overflow-by-settings", RFC: "RFC 9113 section 6.5.2", Run: func(t *T) {
		c := t.dial()
		t.open(c, "/echo")
		c.sendSettings(window(1 << 31))
		t.expectConnectionError(c, "FLOW_CONTROL_ERROR")
	}},
	Case{Name: "more-than-the-server-allows", RFC: "RFC 9113 section 6.9.1", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/pause")
		s.data(make([]byte, 200_000))
		t.expectStreamError(s, "FLOW_CONTROL_ERROR")
	}},
	Case{Name: "paused-socket", RFC: "RFC 9113 section 5.2.1", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/pause")
		sent := s.uploadUntilBlocked(binary(make([]byte, 1<<20)))
		t.isTrue("the server accepts at most twice its initial window", sent <= 2*65_535, sent)
		t.equal("the window of the connection stays open", c.increments >= sent-65_535, true)
		t.expectEcho(c)
		t.server.release(s.socketID)
		t.equal("the server accepts the rest", s.upload(binary(make([]byte, 1<<20))[sent:]), true)
		s.expectEvents("message binary 1048576")
	}},
	Case{Name: "many-paused-siblings", RFC: "RFC 9113 section 5.2.1", Run: func(t *T) {
		c := t.dial()
		for range 64 {
			s := t.open(c, "/pause")
			s.uploadUntilBlocked(binary(make([]byte, 1<<20)))
		}
		s := t.open(c, "/echo")
		payload := bytes.Repeat([]byte{7}, 1<<20)
		t.equal("the server accepts 1 MiB", s.upload(binary(payload)), true)
		t.equal("echo of 1 MiB", s.untilCount(2), []string{"HEADERS 200", "Binary of 1048576 bytes"})
	}},
	Case{Name: "siblings-that-do-not-read", RFC: "RFC 9113 section 5.2.1", Run: func(t *T) {
		c := t.dial(window(0))
		for range 64 {
			t.open(c, "/push?bytes=1000000")
		}
		s := t.open(c, "/echo")
		c.windowUpdate(s.id, 1000)
		s.data(text("past them all"))
		t.equal("frames on the stream", s.untilCount(2), []string{"HEADERS 200", "Text past them all"})
	}},
	Case{Name: "upload-of-20-megabytes", RFC: "RFC 9113 section 6.9", Run: func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		payload := bytes.Repeat([]byte{9}, 1<<20)
		for sent := 1; sent <= 20; sent++ {
			t.equal("the server accepts 1 MiB", s.upload(binary(payload)), true)
			t.equal("echoed messages", len(s.untilCount(1+sent)), 1+sent)
		}
	}},
)
