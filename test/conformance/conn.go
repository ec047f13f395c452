package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const frameSize = 16384

// The last word on a connection.
const lost = "end of the connection"

// Conn is an HTTP/2 connection of which each frame is ours to choose, right or wrong.
type Conn struct {
	target *Target
	net    net.Conn

	// What the server hears.
	writing  sync.Mutex
	out      *bufio.Writer
	framer   *http2.Framer
	block    bytes.Buffer
	encoder  *hpack.Encoder
	together bool

	// What the server said: guarded by reading, told by changed.
	reading  sync.Mutex
	changed  chan struct{}
	settings [][]http2.Setting
	words    []string
	streams  map[uint32]*Stream
	nextID   uint32
	// By how much the server opened the window of the connection, and what we sent.
	increments int
	sent       int

	options connOptions
}

type connOptions struct {
	settings []http2.Setting
	// Leaves it to the case to open windows again.
	manualWindows bool
	// Leaves the server's SETTINGS unacknowledged.
	silent bool
	// Reads no more than the server's SETTINGS.
	deaf bool
}

// dial connects, and waits for the server's SETTINGS.
func dial(target *Target, options connOptions) (*Conn, error) {
	c, err := dialUnread(target, options)
	if err != nil {
		return nil, err
	}
	if !c.wait(func() bool { return len(c.settings) > 0 }) {
		return nil, fmt.Errorf("no SETTINGS from the server: %v", c.words)
	}
	return c, nil
}

// dialUnread connects, and has read nothing when it returns.
func dialUnread(target *Target, options connOptions) (*Conn, error) {
	connection, err := target.connect("h2")
	if err != nil {
		return nil, err
	}
	c := &Conn{
		target:  target,
		net:     connection,
		out:     bufio.NewWriterSize(connection, 1<<17),
		changed: make(chan struct{}),
		streams: map[uint32]*Stream{},
		nextID:  1,
		options: options,
	}
	c.framer = http2.NewFramer(c.out, connection)
	c.framer.AllowIllegalWrites = true
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.MaxHeaderListSize = 1 << 20
	c.encoder = hpack.NewEncoder(&c.block)
	c.write(func() {
		c.out.WriteString(http2.ClientPreface)
		c.framer.WriteSettings(options.settings...)
	})
	go c.read()
	return c, nil
}

func (c *Conn) close() {
	c.net.Close()
}

// write lets nobody else write meanwhile. What it writes goes out at once, unless inOnePacket collects it.
func (c *Conn) write(what func()) {
	c.writing.Lock()
	defer c.writing.Unlock()
	what()
	if !c.together {
		c.out.Flush()
	}
}

func (c *Conn) inOnePacket(what func()) {
	c.collect(true)
	what()
	c.collect(false)
}

func (c *Conn) collect(together bool) {
	c.write(func() { c.together = together })
}

func (c *Conn) raw(kind http2.FrameType, flags http2.Flags, streamID uint32, payload []byte) {
	c.write(func() { c.framer.WriteRawFrame(kind, flags, streamID, payload) })
}

func (c *Conn) ping(data string) {
	var payload [8]byte
	copy(payload[:], data)
	c.write(func() { c.framer.WritePing(false, payload) })
}

func (c *Conn) sendSettings(settings ...http2.Setting) {
	c.write(func() { c.framer.WriteSettings(settings...) })
}

func (c *Conn) windowUpdate(streamID, increment uint32) {
	c.write(func() { c.framer.WriteWindowUpdate(streamID, increment) })
}

func (c *Conn) goAway(code http2.ErrCode) {
	c.write(func() { c.framer.WriteGoAway(0, code, nil) })
}

// headers begins a stream, or goes on with one.
func (c *Conn) headers(streamID uint32, fields []hpack.HeaderField, endStream bool) {
	c.write(func() {
		block := c.encode(fields)
		head := block[:min(len(block), frameSize)]
		c.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID:      streamID,
			BlockFragment: head,
			EndStream:     endStream,
			EndHeaders:    len(head) == len(block),
		})
		for block = block[len(head):]; len(block) > 0; block = block[len(head):] {
			head = block[:min(len(block), frameSize)]
			c.framer.WriteContinuation(streamID, len(head) == len(block), head)
		}
	})
}

func (c *Conn) encode(fields []hpack.HeaderField) []byte {
	c.block.Reset()
	for _, field := range fields {
		c.encoder.WriteField(field)
	}
	return c.block.Bytes()
}

// stream makes a stream of the next number, without a word to the server.
func (c *Conn) stream() *Stream {
	c.reading.Lock()
	defer c.reading.Unlock()
	s := &Stream{conn: c, id: c.nextID}
	c.nextID += 2
	c.streams[s.id] = s
	return s
}

// request begins a stream with these fields.
func (c *Conn) request(fields []hpack.HeaderField, endStream bool) *Stream {
	s := c.stream()
	c.headers(s.id, fields, endStream)
	return s
}

// connect begins a handshake.
func (c *Conn) connect(path string, edits ...edit) *Stream {
	return c.request(c.connectFields(path, edits...), false)
}

// wait waits until something holds of what the server has said. It does not hold if the connection ends before.
func (c *Conn) wait(holds func() bool) bool {
	late := time.After(patience)
	for {
		c.reading.Lock()
		done, changed, over := holds(), c.changed, c.hasEnded()
		c.reading.Unlock()
		if done || over {
			return done
		}
		select {
		case <-changed:
		case <-late:
			return false
		}
	}
}

func (c *Conn) hasEnded() bool {
	return len(c.words) > 0 && c.words[len(c.words)-1] == lost
}

// ended waits for the end of the connection, and tells what was said of it as a whole.
func (c *Conn) ended() []string {
	c.wait(c.hasEnded)
	return c.said()
}

func (c *Conn) said() []string {
	c.reading.Lock()
	defer c.reading.Unlock()
	return append([]string{}, c.words...)
}

// failure waits for the end of the connection, and gives the GOAWAY before it, if one came.
func (c *Conn) failure() string {
	c.wait(func() bool { return len(c.words) > 0 })
	for _, word := range c.said() {
		if strings.HasPrefix(word, "GOAWAY") {
			return word
		}
	}
	return words(c.said())
}

// heard waits for a word on the connection as a whole.
func (c *Conn) heard(word string) bool {
	return c.wait(func() bool { return len(c.words) > 0 && c.words[len(c.words)-1] == word })
}

// settle waits until the server has taken all that was sent so far.
func (c *Conn) settle() bool {
	const word = "PING ACK settled"
	c.ping("settled")
	if !c.heard(word) {
		return false
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	c.words = slices.DeleteFunc(c.words, func(each string) bool { return each == word })
	return true
}
