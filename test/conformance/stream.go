package main

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Stream is one stream of a Conn, with what the server said on it.
type Stream struct {
	conn   *Conn
	id     uint32
	words  []string
	fields []hpack.HeaderField
	frames reader
	// Bytes of DATA frames, by frame.
	sizes []int
	// By how much the server opened our window, and what we sent.
	increments int
	sent       int
}

func (s *Stream) note(frame http2.Frame) {
	switch frame := frame.(type) {
	case *http2.MetaHeadersFrame:
		s.fields = append(s.fields, frame.Fields...)
		s.words = append(s.words, "HEADERS "+frame.PseudoValue("status"))
		if frame.StreamEnded() {
			s.words = append(s.words, "END_STREAM")
		}
	case *http2.DataFrame:
		if len(frame.Data()) > 0 {
			s.sizes = append(s.sizes, len(frame.Data()))
		}
		s.words = append(s.words, s.frames.read(frame.Data())...)
		if frame.StreamEnded() {
			s.words = append(s.words, "END_STREAM")
		}
	case *http2.RSTStreamFrame:
		s.words = append(s.words, "RST_STREAM "+codeName(frame.ErrCode))
	case *http2.WindowUpdateFrame:
		s.increments += int(frame.Increment)
	}
}

// data sends bytes, in as few DATA frames as they fit into, whether the windows allow them or not.
func (s *Stream) data(pieces ...[]byte) {
	bytes := slices.Concat(pieces...)
	s.conn.write(func() {
		s.took(len(bytes))
		for piece := range slices.Chunk(bytes, frameSize) {
			s.conn.framer.WriteData(s.id, false, piece)
		}
	})
}

func (s *Stream) last(pieces ...[]byte) {
	bytes := slices.Concat(pieces...)
	s.conn.write(func() {
		s.took(len(bytes))
		s.conn.framer.WriteData(s.id, true, bytes)
	})
}

func (s *Stream) took(size int) {
	s.conn.reading.Lock()
	defer s.conn.reading.Unlock()
	s.sent += size
	s.conn.sent += size
}

// upload sends bytes as the server's windows allow.
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

// window is what the server lets us send (RFC 9113 section 6.9.1).
func (s *Stream) window() int {
	c := s.conn
	return min(c.settingOr(http2.SettingInitialWindowSize, 65_535)+s.increments-s.sent, 65_535+c.increments-c.sent)
}

func (s *Stream) end() {
	s.conn.write(func() { s.conn.framer.WriteData(s.id, true, nil) })
}

func (s *Stream) reset(code http2.ErrCode) {
	s.conn.write(func() { s.conn.framer.WriteRSTStream(s.id, code) })
}

func (s *Stream) said() []string {
	s.conn.reading.Lock()
	defer s.conn.reading.Unlock()
	return slices.Clone(s.words)
}

// until waits for a word, and gives all up to now.
func (s *Stream) until(word string) []string {
	s.conn.wait(func() bool { return slices.Contains(s.words, word) || s.isReset() })
	return s.said()
}

// count waits for so many words, and gives all up to now.
func (s *Stream) count(number int) []string {
	s.conn.wait(func() bool { return len(s.words) >= number || s.isReset() })
	return s.said()
}

// over waits for the end of the server's side, whichever way it ends.
func (s *Stream) over() []string {
	s.conn.wait(func() bool { return slices.Contains(s.words, "END_STREAM") || s.isReset() })
	return s.said()
}

// freed waits for RST_STREAM.
func (s *Stream) freed() []string {
	s.conn.wait(s.isReset)
	return s.said()
}

// failure waits for the end of the stream, or of the whole connection, and gives what ended it.
func (s *Stream) failure() string {
	reset := s.conn.wait(func() bool { return s.isReset() || len(s.conn.words) > 0 }) && len(s.conn.said()) == 0
	if said := s.said(); reset {
		return said[len(said)-1]
	}
	return s.conn.failure()
}

func (s *Stream) isReset() bool {
	return len(s.words) > 0 && strings.HasPrefix(s.words[len(s.words)-1], "RST_STREAM")
}

func (s *Stream) status() string {
	s.conn.wait(func() bool { return len(s.fields) > 0 || s.isReset() })
	return s.field(":status")
}

// field is what the server's head has under a name, or "absent".
func (s *Stream) field(name string) string {
	s.conn.reading.Lock()
	defer s.conn.reading.Unlock()
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
	s.conn.reading.Lock()
	defer s.conn.reading.Unlock()
	if number >= len(s.frames.payloads) {
		return nil
	}
	return s.frames.payloads[number]
}

func (s *Stream) received() int {
	s.conn.reading.Lock()
	defer s.conn.reading.Unlock()
	return sum(s.sizes)
}

func (s *Stream) String() string {
	return fmt.Sprintf("stream %d: %v", s.id, s.said())
}

// uploadUntilBlocked sends bytes until the server's windows let no more go, and tells how many that were.
func (s *Stream) uploadUntilBlocked(bytes []byte) int {
	for sent := 0; ; {
		s.conn.settle()
		size := min(len(bytes)-sent, frameSize, s.openWindow())
		if size <= 0 {
			return sent
		}
		s.data(bytes[sent : sent+size])
		sent += size
	}
}

func (s *Stream) openWindow() int {
	s.conn.reading.Lock()
	defer s.conn.reading.Unlock()
	return s.window()
}

func sum(sizes []int) int {
	total := 0
	for _, size := range sizes {
		total += size
	}
	return total
}
