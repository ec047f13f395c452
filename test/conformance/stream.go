package main

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Stream is a stream of a Conn, and all that the server sent on it.
type Stream struct {
	conn *Conn
	id   uint32
	// HEADERS, RST_STREAM, END_STREAM flags and WebSocket frames, described in text.
	frames []string
	fields []hpack.HeaderField
	parser frameParser
	// The sizes of all DATA frames that were not empty.
	sizes []int
	// The sum of the server's WINDOW_UPDATE frames for the stream, and the number of bytes sent on it.
	increments int
	sent       int
}

func (s *Stream) record(frame http2.Frame) {
	switch frame := frame.(type) {
	case *http2.MetaHeadersFrame:
		s.fields = append(s.fields, frame.Fields...)
		s.frames = append(s.frames, "HEADERS "+frame.PseudoValue("status"))
		if frame.StreamEnded() {
			s.frames = append(s.frames, "END_STREAM")
		}
	case *http2.DataFrame:
		if len(frame.Data()) > 0 {
			s.sizes = append(s.sizes, len(frame.Data()))
		}
		s.frames = append(s.frames, s.parser.parse(frame.Data())...)
		if frame.StreamEnded() {
			s.frames = append(s.frames, "END_STREAM")
		}
	case *http2.RSTStreamFrame:
		s.frames = append(s.frames, "RST_STREAM "+codeName(frame.ErrCode))
	case *http2.WindowUpdateFrame:
		s.increments += int(frame.Increment)
	}
}

// data sends bytes in as few DATA frames as possible, and ignores flow control.
func (s *Stream) data(pieces ...[]byte) {
	bytes := slices.Concat(pieces...)
	s.conn.write(func() {
		s.countSent(len(bytes))
		for piece := range slices.Chunk(bytes, frameSize) {
			s.conn.framer.WriteData(s.id, false, piece)
		}
	})
}

// lastData sends bytes in a DATA frame with END_STREAM.
func (s *Stream) lastData(pieces ...[]byte) {
	bytes := slices.Concat(pieces...)
	s.conn.write(func() {
		s.countSent(len(bytes))
		s.conn.framer.WriteData(s.id, true, bytes)
	})
}

func (s *Stream) countSent(size int) {
	s.conn.readLock.Lock()
	defer s.conn.readLock.Unlock()
	s.sent += size
	s.conn.sent += size
}

// upload sends bytes within the server's windows. Returns false if a window stays closed or the stream is reset.
func (s *Stream) upload(bytes []byte) bool {
	for len(bytes) > 0 {
		var window int
		s.conn.wait(func() bool { window = s.window(); return window > 0 || s.isReset() })
		if window <= 0 {
			return false
		}
		size := min(len(bytes), frameSize, window)
		s.data(bytes[:size])
		bytes = bytes[size:]
	}
	return true
}

// window returns the number of bytes that flow control allows (RFC 9113 section 6.9.1). readLock must be held.
func (s *Stream) window() int {
	c := s.conn
	return min(c.settingOr(http2.SettingInitialWindowSize, 65_535)+s.increments-s.sent, 65_535+c.increments-c.sent)
}

func (s *Stream) endStream() {
	s.conn.write(func() { s.conn.framer.WriteData(s.id, true, nil) })
}

func (s *Stream) reset(code http2.ErrCode) {
	s.conn.write(func() { s.conn.framer.WriteRSTStream(s.id, code) })
}

func (s *Stream) received() []string {
	s.conn.readLock.Lock()
	defer s.conn.readLock.Unlock()
	return slices.Clone(s.frames)
}

// untilFrame waits for a frame. Returns all frames received so far.
func (s *Stream) untilFrame(frame string) []string {
	s.conn.wait(func() bool { return slices.Contains(s.frames, frame) || s.isReset() })
	return s.received()
}

// untilCount waits for a number of frames. Returns all frames received so far.
func (s *Stream) untilCount(number int) []string {
	s.conn.wait(func() bool { return len(s.frames) >= number || s.isReset() })
	return s.received()
}

// untilEnd waits for END_STREAM or RST_STREAM. Returns all frames received so far.
func (s *Stream) untilEnd() []string {
	s.conn.wait(func() bool { return slices.Contains(s.frames, "END_STREAM") || s.isReset() })
	return s.received()
}

// untilReset waits for RST_STREAM. Returns all frames received so far.
func (s *Stream) untilReset() []string {
	s.conn.wait(s.isReset)
	return s.received()
}

// failure waits until the stream or its connection fails. Returns the frame that reported it.
func (s *Stream) failure() string {
	reset := s.conn.wait(func() bool { return s.isReset() || len(s.conn.frames) > 0 }) && len(s.conn.received()) == 0
	if frames := s.received(); reset {
		return frames[len(frames)-1]
	}
	return s.conn.failure()
}

func (s *Stream) isReset() bool {
	return len(s.frames) > 0 && strings.HasPrefix(s.frames[len(s.frames)-1], "RST_STREAM")
}

func (s *Stream) status() string {
	s.conn.wait(func() bool { return len(s.fields) > 0 || s.isReset() })
	return s.field(":status")
}

// field returns the values of a response field, or "absent".
func (s *Stream) field(name string) string {
	s.conn.readLock.Lock()
	defer s.conn.readLock.Unlock()
	var values []string
	for _, field := range s.fields {
		if field.Name == name {
			values = append(values, field.Value)
		}
	}
	if values == nil {
		return "absent"
	}
	return strings.Join(values, "; ")
}

func (s *Stream) payload(number int) []byte {
	s.conn.readLock.Lock()
	defer s.conn.readLock.Unlock()
	if number >= len(s.parser.payloads) {
		return nil
	}
	return s.parser.payloads[number]
}

func (s *Stream) receivedBytes() int {
	s.conn.readLock.Lock()
	defer s.conn.readLock.Unlock()
	return sum(s.sizes)
}

func (s *Stream) String() string {
	return fmt.Sprintf("stream %d: %v", s.id, s.received())
}

// uploadUntilBlocked sends bytes until the server's windows are closed. Returns the number of bytes sent.
func (s *Stream) uploadUntilBlocked(bytes []byte) int {
	for sent := 0; ; {
		s.conn.settle()
		size := min(len(bytes)-sent, frameSize, s.currentWindow())
		if size <= 0 {
			return sent
		}
		s.data(bytes[sent : sent+size])
		sent += size
	}
}

func (s *Stream) currentWindow() int {
	s.conn.readLock.Lock()
	defer s.conn.readLock.Unlock()
	return s.window()
}

func sum(sizes []int) int {
	total := 0
	for _, size := range sizes {
		total += size
	}
	return total
}
