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

// connectionClosed is the last entry in the frames of a connection.
const connectionClosed = "connection closed"

// Conn is a client's HTTP/2 connection on which a case can send any frame, valid or not.
type Conn struct {
	server *TestServer
	net    net.Conn

	// The client's side, guarded by writeLock.
	writeLock sync.Mutex
	out       *bufio.Writer
	framer    *http2.Framer
	block     bytes.Buffer
	encoder   *hpack.Encoder
	buffering bool

	// The server's side, guarded by readLock. Each change closes the channel and replaces it.
	readLock sync.Mutex
	changed  chan struct{}
	settings [][]http2.Setting
	// Frames on stream 0, described in text, except SETTINGS and WINDOW_UPDATE.
	frames  []string
	streams map[uint32]*Stream
	nextID  uint32
	// The sum of the server's WINDOW_UPDATE frames for the connection, and the number of bytes sent on it.
	increments int
	sent       int

	options connOptions
}

type connOptions struct {
	settings []http2.Setting
	// Sends no WINDOW_UPDATE frames: the case sends them.
	manualWindows bool
	// Does not acknowledge the server's SETTINGS.
	ignoreSettings bool
	// Reads nothing after the server's SETTINGS.
	stopReading bool
	// Limits the part of a header block that a frame has. Zero stands for the largest frame.
	fragmentSize int
}

// dial connects, and waits for the server's SETTINGS.
func dial(server *TestServer, options connOptions) (*Conn, error) {
	c, err := dialWithoutReading(server, options)
	if err != nil {
		return nil, err
	}
	if !c.wait(func() bool { return len(c.settings) > 0 }) {
		return nil, fmt.Errorf("no SETTINGS from the server: %v", c.frames)
	}
	return c, nil
}

// dialWithoutReading connects, and does not wait for the server's SETTINGS.
func dialWithoutReading(server *TestServer, options connOptions) (*Conn, error) {
	connection, err := server.connect("h2")
	if err != nil {
		return nil, err
	}
	c := &Conn{
		server:  server,
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

// write runs a function that writes frames, and flushes them unless inOnePacket is running.
func (c *Conn) write(writeFrames func()) {
	c.writeLock.Lock()
	defer c.writeLock.Unlock()
	writeFrames()
	if !c.buffering {
		c.out.Flush()
	}
}

// inOnePacket sends all frames that a function writes in a single write to the connection.
func (c *Conn) inOnePacket(writeFrames func()) {
	c.setBuffering(true)
	writeFrames()
	c.setBuffering(false)
}

func (c *Conn) setBuffering(buffering bool) {
	c.write(func() { c.buffering = buffering })
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

// headers sends a HEADERS frame, and CONTINUATION frames if necessary.
func (c *Conn) headers(streamID uint32, fields []hpack.HeaderField, endStream bool) {
	c.write(func() {
		size := frameSize
		if c.options.fragmentSize > 0 {
			size = c.options.fragmentSize
		}
		block := c.encode(fields)
		fragment := block[:min(len(block), size)]
		c.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID:      streamID,
			BlockFragment: fragment,
			EndStream:     endStream,
			EndHeaders:    len(fragment) == len(block),
		})
		for block = block[len(fragment):]; len(block) > 0; block = block[len(fragment):] {
			fragment = block[:min(len(block), size)]
			c.framer.WriteContinuation(streamID, len(fragment) == len(block), fragment)
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

// newStream returns a stream with the next id. It sends nothing.
func (c *Conn) newStream() *Stream {
	c.readLock.Lock()
	defer c.readLock.Unlock()
	s := &Stream{conn: c, id: c.nextID}
	c.nextID += 2
	c.streams[s.id] = s
	return s
}

// request opens a stream with a request.
func (c *Conn) request(fields []hpack.HeaderField, endStream bool) *Stream {
	s := c.newStream()
	c.headers(s.id, fields, endStream)
	return s
}

// connect opens a stream with a handshake.
func (c *Conn) connect(path string, edits ...edit) *Stream {
	return c.request(c.connectFields(path, edits...), false)
}

// wait waits for a condition, which is evaluated under readLock whenever a frame was received. Returns false if the
// connection closes first, or after the timeout.
func (c *Conn) wait(condition func() bool) bool {
	timedOut := time.After(timeout)
	for {
		c.readLock.Lock()
		done, changed, closed := condition(), c.changed, c.isClosed()
		c.readLock.Unlock()
		if done || closed {
			return done
		}
		select {
		case <-changed:
		case <-timedOut:
			return false
		}
	}
}

func (c *Conn) isClosed() bool {
	return len(c.frames) > 0 && c.frames[len(c.frames)-1] == connectionClosed
}

// untilClosed waits until the connection is closed. Returns the frames on stream 0.
func (c *Conn) untilClosed() []string {
	c.wait(c.isClosed)
	return c.received()
}

func (c *Conn) received() []string {
	c.readLock.Lock()
	defer c.readLock.Unlock()
	return append([]string{}, c.frames...)
}

// failure waits until the connection fails. Returns its GOAWAY, or connectionClosed if it had none.
func (c *Conn) failure() string {
	c.wait(func() bool { return len(c.frames) > 0 })
	for _, frame := range c.received() {
		if strings.HasPrefix(frame, "GOAWAY") {
			return frame
		}
	}
	return format(c.received())
}

// waitForFrame waits until a frame on stream 0 is the last one received.
func (c *Conn) waitForFrame(frame string) bool {
	return c.wait(func() bool { return len(c.frames) > 0 && c.frames[len(c.frames)-1] == frame })
}

// settle waits until the server has processed all frames sent so far.
func (c *Conn) settle() bool {
	const pong = "PING ACK settled"
	c.ping("settled")
	if !c.waitForFrame(pong) {
		return false
	}
	c.readLock.Lock()
	defer c.readLock.Unlock()
	c.frames = slices.DeleteFunc(c.frames, func(frame string) bool { return frame == pong })
	return true
}
