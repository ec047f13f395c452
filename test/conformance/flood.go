package main

import (
	"bytes"
	"compress/flate"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/net/http2"
)

// What the server's heap and buffers may differ by from before a flood to after it.
const slack = 8 << 20

// withstands floods a server of its own and checks that it lives, serves others meanwhile, and keeps nothing of it.
// The flood may fail half way: a server may well hang up.
func withstands(flood func(t *T)) func(*T) {
	return withstandsSince(0, flood)
}

// withstandsSince is for floods after which older Nodes keep a session, whether they have the plugin or not.
func withstandsSince(node int, flood func(t *T)) func(*T) {
	return func(t *T) {
		other := t.dial()
		s := t.open(other, "/echo")
		attack := func() {
			defer t.leave(other)
			flood(t)
		}
		// A first flood makes the server compile and allocate what it needs for all later ones.
		attack()
		before := t.target.collected()

		done := make(chan struct{})
		go t.guard(func() { defer close(done); attack() })
		echoes := 0
		for flooding := true; flooding; echoes++ {
			word := fmt.Sprint("meanwhile ", echoes)
			s.data(text(word))
			said := s.until("Text " + word)
			if said[len(said)-1] != "Text "+word {
				t.equal("a socket of another session", said[len(said)-1], "Text "+word)
			}
			select {
			case <-done:
				flooding = false
			case <-time.After(10 * time.Millisecond):
			}
		}
		t.echoes(other)

		t.target.emptied(2)
		after := t.target.collected()
		t.holds("heap and buffers are what they were", after.Heap+after.Buffers-before.Heap-before.Buffers < slack,
			fmt.Sprintf("%d KiB more", (after.Heap+after.Buffers-before.Heap-before.Buffers)>>10))
		if t.target.Node >= node {
			t.equal("streams", after.Streams, 2)
			t.equal("sockets", after.Sockets, 2)
		}
	}
}

// leave closes every connection but one.
func (t *T) leave(but *Conn) {
	for _, c := range t.conns {
		if c != but {
			c.close()
		}
	}
}

// flood does something so many times, or until the server has had enough.
func (c *Conn) flood(times int, what func() bool) {
	for range times {
		c.reading.Lock()
		ended := c.hasEnded()
		c.reading.Unlock()
		if ended || !what() {
			return
		}
	}
}

// In how many packets a flood comes, each of so many frames.
const packets, frames = 100, 100

func (c *Conn) floodPackets(what func(i int)) {
	c.net.SetWriteDeadline(time.Now().Add(2 * patience))
	sent := 0
	c.flood(packets, func() bool {
		c.inOnePacket(func() {
			for range frames {
				what(sent)
				sent++
			}
		})
		return true
	})
}

var _ = group("flood",
	Case{Name: "rapid-reset", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(int) { c.connect("/echo").reset(http2.ErrCodeCancel) })
	})},
	Case{Name: "rapid-reset-of-open-sockets", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.flood(1500, func() bool {
			s := c.connect("/echo")
			opened := c.wait(func() bool { return len(s.fields) > 0 || len(c.words) > 0 }) && s.field(":status") == "200"
			s.reset(http2.ErrCodeCancel)
			return opened
		})
	})},
	Case{Name: "continuation", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		s := c.stream()
		block := bytes.Clone(c.encode(c.connectFields("/echo", with("x-filler", "of a head that never ends"))))
		c.raw(http2.FrameHeaders, 0, s.id, block)
		c.floodPackets(func(int) { c.raw(http2.FrameContinuation, 0, s.id, []byte{0x40, 1, 'a', 1, 'b'}) })
	})},
	Case{Name: "settings", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(i int) { c.sendSettings(window(uint32(65_535 + i%2))) })
	})},
	Case{Name: "ping", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(int) { c.ping("pong!") })
	})},
	Case{Name: "ping-that-reads-no-answer", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dialWith(connOptions{deaf: true})
		c.floodPackets(func(int) { c.ping("pong!") })
	})},
	Case{Name: "priority", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(i int) {
			c.write(func() { c.framer.WritePriority(uint32(2*i+1), http2.PriorityParam{Weight: 1}) })
		})
	})},
	Case{Name: "window-update", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.floodPackets(func(int) { c.windowUpdate(s.id, 1) })
	})},
	Case{Name: "empty-data", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.floodPackets(func(int) { c.raw(http2.FrameData, 0, s.id, nil) })
	})},
	Case{Name: "made-you-reset-by-window-updates", RFC: "RFC 9113 section 5.4.2", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(int) { c.windowUpdate(c.connect("/echo").id, 0) })
	})},
	Case{Name: "made-you-reset-by-overflow", RFC: "RFC 9113 section 5.4.2", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(int) { c.windowUpdate(c.connect("/echo").id, 1<<31-1) })
	})},
	Case{Name: "made-you-reset-by-data-after-the-end", RFC: "RFC 9113 section 5.4.2", Server: ownServer, Run: withstandsSince(failedSessions, func(t *T) {
		c := t.dial()
		c.floodPackets(func(int) {
			s := c.request(c.connectFields("/echo"), true)
			s.data(text("too late"))
		})
	})},
	Case{Name: "made-you-reset-by-a-second-head", RFC: "RFC 9113 section 5.4.2", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(int) {
			s := c.connect("/echo")
			c.headers(s.id, c.connectFields("/echo"), false)
		})
	})},
	Case{Name: "made-you-reset-by-the-protocol", RFC: "RFC 6455 section 7.1.7", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.flood(50, func() bool {
			c.inOnePacket(func() {
				for range 20 {
					c.connect("/echo").data(ws.MustCompileFrame(ws.NewTextFrame([]byte("not masked"))))
				}
			})
			return c.settle()
		})
	})},
	Case{Name: "refused-handshakes", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.flood(50, func() bool {
			c.inOnePacket(func() {
				for range 100 {
					c.connect("/nowhere")
				}
			})
			return c.settle()
		})
	})},
	Case{Name: "closed-windows", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial(window(0))
		c.flood(200, func() bool { return t.open(c, "/push?bytes=100000") != nil })
	})},
	Case{Name: "window-of-one-byte", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstandsSince(lostWrites, func(t *T) {
		c := t.dialWith(connOptions{settings: []http2.Setting{window(1)}, manualWindows: true})
		s := t.open(c, "/push?bytes=1000000")
		c.floodPackets(func(int) { c.windowUpdate(s.id, 1) })
	})},
	Case{Name: "tiny-data", RFC: "RFC 9113 section 10.5", Server: ownServer, Run: withstands(func(t *T) {
		// Each byte comes with 16 KiB of a sibling, in a read of Node's that a view of the byte would keep whole.
		c := t.dial()
		s, filler := t.open(c, "/pause"), t.open(c, "/echo")
		s.data(masked(ws.NewBinaryFrame(make([]byte, 10_000)))[:8])
		c.flood(1000, func() bool {
			c.inOnePacket(func() {
				s.data([]byte{0})
				filler.data(filling)
			})
			return c.settle()
		})
		state := t.target.collected()
		t.holds("buffers stay small while they wait", state.Buffers < 6<<20, state.Buffers)
	})},
	Case{Name: "tiny-fragments", RFC: "RFC 6455 section 10.4", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		s.data(fragment(ws.OpBinary, false, ""))
		piece := bytes.Repeat(fragment(ws.OpContinuation, false, "a"), 1000)
		c.flood(40, func() bool { return s.upload(piece) })
		t.equal("the stream", s.over(), []string{"HEADERS 200", "Close 1008", "END_STREAM"})
	})},
	Case{Name: "unread-pongs", RFC: "RFC 6455 section 5.5.2", Server: ownServer, Run: withstands(func(t *T) {
		c := t.dial(window(0))
		s := t.open(c, "/echo")
		piece := bytes.Repeat(ping("0123456789"), 1000)
		c.flood(40, func() bool { return s.upload(piece) })
	})},
	Case{Name: "compression-bomb", RFC: "RFC 7692 section 8", Only: "TLS", Server: compressing, Run: withstands(func(t *T) {
		for range 10 {
			h1 := t.upgrade("/small", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
			h1.write(reserved(ws.NewBinaryFrame(bomb(64<<20)), ws.Rsv(true, false, false)))
			t.equal("the connection", h1.words(2), []string{"101", "Close 1009"})
			h1.net.Close()
		}
	})},
	Case{Name: "compression-bomb-over-http-2", RFC: "RFC 7692 section 5", Server: compressing, Run: withstands(func(t *T) {
		c := t.dial()
		s := t.open(c, "/small", with("sec-websocket-extensions", "permessage-deflate"))
		s.data(reserved(ws.NewBinaryFrame(bomb(1<<20)), ws.Rsv(true, false, false)))
		t.equal("the stream", s.over(), []string{"HEADERS 200", "Close 1002", "END_STREAM"})
	})},
	Case{Name: "hooks-that-never-answer", RFC: "RFC 9113 section 10.5", Server: impatient, Run: withstands(func(t *T) {
		var streams []*Stream
		for range 10 {
			c := t.dial()
			c.inOnePacket(func() {
				for range 1000 {
					streams = append(streams, c.connect("/never"))
				}
			})
		}
		for _, s := range streams {
			if said := s.freed(); words(said) != words(refused("503")) {
				t.equal("a handshake that nobody answers", said, refused("503"))
			}
		}
		t.equal("handshakes", len(streams), 10_000)
	})},
	Case{Name: "hooks-that-never-answer-http-1", RFC: "RFC 6455 section 4.2.2", Only: "TLS", Server: impatient, Run: withstands(func(t *T) {
		var group sync.WaitGroup
		var answered atomic.Int32
		for range 500 {
			group.Go(func() {
				h1, err := upgrade(t.target, "/never", "")
				if err == nil && words(h1.words(2)) == "503, end" {
					answered.Add(1)
				}
			})
		}
		group.Wait()
		t.equal("handshakes that were freed", answered.Load(), 500)
	})},
)

const (
	// Before it a session that failed as a whole is never freed.
	failedSessions = 22
	// Before it a session over TLS whose client goes while it writes may never be freed:
	// https://github.com/nodejs/node/issues/55804
	lostWrites = 26
)

var (
	impatient   = &serverOptions{Plugin: map[string]any{"handshakeTimeout": 1000}}
	compressing = &serverOptions{Plugin: map[string]any{"options": map[string]any{"perMessageDeflate": true}}}
)

// A pong of 125 bytes, again and again: the server has nothing to do about it.
var filling = bytes.Repeat(masked(ws.NewPongFrame(make([]byte, 120))), 128)

// bomb is what permessage-deflate makes of so many zeros.
func bomb(size int) []byte {
	var out bytes.Buffer
	writer, _ := flate.NewWriter(&out, flate.BestCompression)
	writer.Write(make([]byte, size))
	writer.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
}
