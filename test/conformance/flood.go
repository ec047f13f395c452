package main

import (
	"bytes"
	"compress/flate"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// maxGrowth limits the growth of the server's memory by a flood, in bytes.
const maxGrowth = 8 << 20

// withstands floods a server, and checks that it serves other clients meanwhile and frees all resources afterwards.
// The flood may be cut short: the server may close the connection.
func withstands(flood func(t *T)) func(*T) {
	return withstandsSinceNode(0, flood)
}

// withstandsSinceNode is for floods after which older versions of Node leak a session, with or without the plugin.
func withstandsSinceNode(node int, flood func(t *T)) func(*T) {
	return func(t *T) {
		other := t.dial()
		s := t.open(other, "/echo")
		attack := func() {
			defer t.closeAllExcept(other)
			flood(t)
		}
		// The first flood makes the server compile code and allocate memory that later floods reuse.
		attack()
		before := t.server.afterGC()

		done := make(chan struct{})
		go t.guard(func() { defer close(done); attack() })
		echoes := 0
		for flooding := true; flooding; echoes++ {
			message := fmt.Sprint("meanwhile ", echoes)
			s.data(text(message))
			frames := s.untilFrame("Text " + message)
			if last := frames[len(frames)-1]; last != "Text "+message {
				t.equal("a socket of another session", last, "Text "+message)
			}
			select {
			case <-done:
				flooding = false
			case <-time.After(10 * time.Millisecond):
			}
		}
		t.expectEcho(other)

		t.server.settle(2)
		after := t.server.afterGC()
		t.hasGrownLess(before, after, maxGrowth)
		if t.server.Node >= node {
			t.equal("streams", after.Streams, 2)
			t.equal("sockets", after.Sockets, 2)
		}
	}
}

// hasGrownLess checks the growth of the server's memory between two states, in bytes.
func (t *T) hasGrownLess(before, after State, limit int) {
	growth := after.memory() - before.memory()
	t.isTrue(fmt.Sprintf("the memory has grown by less than %d KiB", limit>>10), growth < limit,
		fmt.Sprintf("%d KiB more", growth>>10))
}

// closeAllExcept closes all connections of the case but one.
func (t *T) closeAllExcept(kept *Conn) {
	for _, c := range t.conns {
		if c != kept {
			c.close()
		}
	}
}

// flood repeats an action until it returns false or the server closes the connection.
func (c *Conn) flood(times int, action func() bool) {
	for range times {
		c.readLock.Lock()
		closed := c.isClosed()
		c.readLock.Unlock()
		if closed || !action() {
			return
		}
	}
}

// The number of packets in a flood, and the number of frames in each.
const packetCount, framesPerPacket = 100, 100

func (c *Conn) floodPackets(sendFrame func(i int)) {
	c.net.SetWriteDeadline(time.Now().Add(2 * timeout))
	sent := 0
	c.flood(packetCount, func() bool {
		c.inOnePacket(func() {
			for range framesPerPacket {
				sendFrame(sent)
				sent++
			}
		})
		return true
	})
}

const (
	// Node's limit of the head of an HTTP/1.1 request, which is SETTINGS_MAX_HEADER_LIST_SIZE of the server.
	maxHeaderListSize = 16_384
	// The memory of a socket without its header list.
	memoryOfSocket = 16 << 10
	// The size of the largest field that fits into the table of HPACK with the fields of a handshake.
	largeField = 3000
)

// withCrumbs adds cookies that are sent once for each connection, and then as references of HPACK, a byte each.
func withCrumbs(number int) edit {
	crumb := with("cookie", "a="+strings.Repeat("x", largeField-len("cookiea=")-32))
	return func(fields []hpack.HeaderField) []hpack.HeaderField {
		for range number {
			fields = crumb(fields)
		}
		return fields
	}
}

// holdsHeaders floods a server with handshakes whose header lists are as large as it accepts, with a few bytes each.
// Node counts a field that many of them share as often as it occurs.
func holdsHeaders(path string) func(*T) {
	const sessions, streams = 4, 500
	return withstands(func(t *T) {
		before := t.server.afterGC()
		for range sessions {
			c := t.dial()
			for range streams {
				c.connect(path, withCrumbs(maxHeaderListSize/largeField))
			}
			c.settle()
			t.equal("the session continues", c.received(), []string{})
		}
		state := t.server.afterGC()
		t.hasGrownLess(before, state, sessions*streams*(maxHeaderListSize+memoryOfSocket))
	})
}

// overTheLimit has the resets of a header list that Node does not accept. The second is that of nghttp2, while Node writes.
var overTheLimit = []any{[]string{"RST_STREAM ENHANCE_YOUR_CALM"}, []string{"RST_STREAM INTERNAL_ERROR"}}

// exceedsHeaders floods a server with header lists that are larger than it accepts.
func exceedsHeaders(options connOptions, refusals ...any) func(*T) {
	return withstands(func(t *T) {
		before := t.server.afterGC()
		for range 4 {
			c := t.dialWith(options)
			c.flood(200, func() bool {
				s := c.connect("/echo", withCrumbs(100))
				t.oneOf("frames on the stream", s.untilReset(), refusals...)
				return true
			})
		}
		t.hasGrownLess(before, t.server.afterGC(), maxGrowth)
	})
}

var _ = group("flood",
	Case{Name: "rapid-reset", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(int) { c.connect("/echo").reset(http2.ErrCodeCancel) })
	})},
	Case{Name: "rapid-reset-of-open-sockets", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.flood(1500, func() bool {
			s := c.connect("/echo")
			opened := c.wait(func() bool { return len(s.fields) > 0 || len(c.frames) > 0 }) && s.field(":status") == "200"
			s.reset(http2.ErrCodeCancel)
			return opened
		})
	})},
	Case{Name: "continuation", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial()
		s := c.newStream()
		block := bytes.Clone(c.encode(c.connectFields("/echo", with("x-filler", "of a head that never ends"))))
		c.raw(http2.FrameHeaders, 0, s.id, block)
		c.floodPackets(func(int) { c.raw(http2.FrameContinuation, 0, s.id, []byte{0x40, 1, 'a', 1, 'b'}) })
	})},
	Case{Name: "settings", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(i int) { c.sendSettings(window(uint32(65_535 + i%2))) })
	})},
	Case{Name: "ping", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(int) { c.ping("pong!") })
	})},
	Case{Name: "ping-that-reads-no-answer", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dialWith(connOptions{stopReading: true})
		c.floodPackets(func(int) { c.ping("pong!") })
	})},
	Case{Name: "priority", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(i int) {
			c.write(func() { c.framer.WritePriority(uint32(2*i+1), http2.PriorityParam{Weight: 1}) })
		})
	})},
	Case{Name: "window-update", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.floodPackets(func(int) { c.windowUpdate(s.id, 1) })
	})},
	Case{Name: "empty-data", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		c.floodPackets(func(int) { c.raw(http2.FrameData, 0, s.id, nil) })
	})},
	Case{Name: "made-you-reset-by-window-updates", RFC: "RFC 9113 section 5.4.2", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(int) { c.windowUpdate(c.connect("/echo").id, 0) })
	})},
	Case{Name: "made-you-reset-by-overflow", RFC: "RFC 9113 section 5.4.2", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(int) { c.windowUpdate(c.connect("/echo").id, 1<<31-1) })
	})},
	Case{Name: "made-you-reset-by-data-after-the-end", RFC: "RFC 9113 section 5.4.2", Server: freshServer, Run: withstandsSinceNode(freesFailedSessions, func(t *T) {
		c := t.dial()
		c.floodPackets(func(int) {
			s := c.request(c.connectFields("/echo"), true)
			s.data(text("too late"))
		})
	})},
	Case{Name: "made-you-reset-by-a-second-head", RFC: "RFC 9113 section 5.4.2", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial()
		c.floodPackets(func(int) {
			s := c.connect("/echo")
			c.headers(s.id, c.connectFields("/echo"), false)
		})
	})},
	Case{Name: "made-you-reset-by-the-protocol", RFC: "RFC 6455 section 7.1.7", Server: freshServer, Run: withstands(func(t *T) {
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
	Case{Name: "refused-handshakes", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstands(func(t *T) {
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
	Case{Name: "closed-windows", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial(window(0))
		c.flood(200, func() bool { return t.open(c, "/push?bytes=100000") != nil })
	})},
	Case{Name: "window-of-one-byte", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstandsSinceNode(freesLostSessions, func(t *T) {
		c := t.dialWith(connOptions{settings: []http2.Setting{window(1)}, manualWindows: true})
		s := t.open(c, "/push?bytes=1000000")
		c.floodPackets(func(int) { c.windowUpdate(s.id, 1) })
	})},
	Case{Name: "tiny-data", RFC: "RFC 9113 section 10.5", Server: freshServer, Run: withstands(func(t *T) {
		// Node reads each byte together with 16 KiB of another stream. A view of the byte would keep the whole chunk.
		c := t.dial()
		s, sibling := t.open(c, "/pause"), t.open(c, "/echo")
		s.data(masked(ws.NewBinaryFrame(make([]byte, 10_000)))[:8])
		c.flood(1000, func() bool {
			c.inOnePacket(func() {
				s.data([]byte{0})
				sibling.data(siblingData)
			})
			return c.settle()
		})
		state := t.server.afterGC()
		t.isTrue("buffers stay small while they wait", state.Buffers < 6<<20, state.Buffers)
	})},
	Case{Name: "tiny-fragments", RFC: "RFC 6455 section 10.4", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial()
		s := t.open(c, "/echo")
		s.data(fragment(ws.OpBinary, false, ""))
		piece := bytes.Repeat(fragment(ws.OpContinuation, false, "a"), 1000)
		c.flood(40, func() bool { return s.upload(piece) })
		t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "Close 1008", "END_STREAM"})
	})},
	Case{Name: "unread-pongs", RFC: "RFC 6455 section 5.5.2", Server: freshServer, Run: withstands(func(t *T) {
		c := t.dial(window(0))
		s := t.open(c, "/echo")
		piece := bytes.Repeat(ping("0123456789"), 1000)
		c.flood(40, func() bool { return s.upload(piece) })
	})},
	Case{Name: "compression-bomb", RFC: "RFC 7692 section 8", Only: "TLS", Server: compressing, Run: withstands(func(t *T) {
		for range 10 {
			h1 := t.upgrade("/small", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
			h1.write(reserved(ws.NewBinaryFrame(bomb(64<<20)), ws.Rsv(true, false, false)))
			t.equal("the connection", h1.receive(2), []string{"101", "Close 1009"})
			h1.net.Close()
		}
	})},
	Case{Name: "compression-bomb-over-http-2", RFC: "RFC 7692 section 8", Server: compressing, Run: withstands(func(t *T) {
		c := t.dial()
		for range 10 {
			s := t.open(c, "/small", with("sec-websocket-extensions", "permessage-deflate"))
			s.upload(reserved(ws.NewBinaryFrame(bomb(64<<20)), ws.Rsv(true, false, false)))
			t.equal("frames on the stream", s.untilEnd(), []string{"HEADERS 200", "Close 1009", "END_STREAM"})
		}
	})},
	Case{Name: "hooks-that-never-answer", RFC: "RFC 9113 section 10.5", Server: shortTimeout, Run: withstands(func(t *T) {
		var streams []*Stream
		for range 10 {
			c := t.dial()
			c.inOnePacket(func() {
				for range 1000 {
					streams = append(streams, c.connect("/never-answers"))
				}
			})
		}
		for _, s := range streams {
			if frames := s.untilReset(); format(frames) != format(refused("503")) {
				t.equal("frames on the stream", frames, refused("503"))
			}
		}
		t.equal("handshakes", len(streams), 10_000)
	})},
	Case{Name: "large-headers-of-open-sockets", RFC: "RFC 9113 section 10.5.1", Server: freshServer, Run: holdsHeaders("/echo")},
	Case{Name: "large-headers-of-pending-handshakes", RFC: "RFC 9113 section 10.5.1", Server: freshServer, Run: holdsHeaders("/never-answers")},
	Case{Name: "headers-beyond-the-limit", RFC: "RFC 9113 section 10.5.1", Server: freshServer, Run: exceedsHeaders(connOptions{}, overTheLimit...)},
	Case{Name: "headers-beyond-an-unacknowledged-limit", RFC: "RFC 9113 section 6.5.3", Server: freshServer, Run: exceedsHeaders(connOptions{ignoreSettings: true}, refused("431"))},
	Case{Name: "hooks-that-never-answer-http-1", RFC: "RFC 6455 section 4.2.2", Only: "TLS", Server: shortTimeout, Run: withstands(func(t *T) {
		var group sync.WaitGroup
		var answered atomic.Int32
		for range 500 {
			group.Go(func() {
				h1, err := upgrade(t.server, "/never-answers", "")
				if err == nil && format(h1.receive(2)) == "503, end" {
					answered.Add(1)
				}
			})
		}
		group.Wait()
		t.equal("refused handshakes", answered.Load(), 500)
	})},
)

const (
	// Earlier versions do not free a session after a connection error (CVE-2026-48937, fixed in 22.23.0 and 24.17.0).
	freesFailedSessions = 22
	// Earlier versions may never free a session over TLS whose client disconnects while the server writes:
	// https://github.com/nodejs/node/issues/55804
	freesLostSessions = 26
)

var (
	shortTimeout = &serverOptions{Plugin: map[string]any{"handshakeTimeout": 1000}}
	compressing  = &serverOptions{Plugin: map[string]any{"options": map[string]any{"perMessageDeflate": true}}}
)

// Repeated pongs, which the server ignores.
var siblingData = bytes.Repeat(masked(ws.NewPongFrame(make([]byte, 120))), 128)

// bomb returns zeros compressed by permessage-deflate.
func bomb(size int) []byte {
	var out bytes.Buffer
	writer, _ := flate.NewWriter(&out, flate.BestCompression)
	writer.Write(make([]byte, size))
	writer.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
}
