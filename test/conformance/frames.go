package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// masked returns a frame as a client must send it (RFC 6455 section 5.3).
func masked(frame ws.Frame) []byte {
	return ws.MustCompileFrame(ws.MaskFrame(frame))
}

func text(payload string) []byte {
	return masked(ws.NewTextFrame([]byte(payload)))
}

func binary(payload []byte) []byte {
	return masked(ws.NewBinaryFrame(payload))
}

func ping(payload string) []byte {
	return masked(ws.NewPingFrame([]byte(payload)))
}

func closing(code ws.StatusCode, reason string) []byte {
	return masked(ws.NewCloseFrame(ws.NewCloseFrameBody(code, reason)))
}

func closingRaw(body []byte) []byte {
	return masked(ws.NewCloseFrame(body))
}

// fragment returns one frame of a fragmented message.
func fragment(op ws.OpCode, fin bool, payload string) []byte {
	return masked(ws.NewFrame(op, fin, []byte(payload)))
}

// reserved returns a frame with reserved bits set, which only extensions define (RFC 6455 section 5.2).
func reserved(frame ws.Frame, rsv byte) []byte {
	frame.Header.Rsv = rsv
	return masked(frame)
}

// frameParser describes the WebSocket frames that a server sends. Incomplete frames wait for more data.
type frameParser struct {
	rest []byte
	// Payloads of all data frames.
	payloads [][]byte
}

func (p *frameParser) parse(data []byte) []string {
	var frames []string
	p.rest = append(p.rest, data...)
	for {
		source := bytes.NewReader(p.rest)
		header, err := ws.ReadHeader(source)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return frames
		}
		if err != nil {
			return append(frames, "bad frame: "+err.Error())
		}
		start := len(p.rest) - source.Len()
		if header.Length > int64(source.Len()) {
			return frames
		}
		payload := p.rest[start : start+int(header.Length)]
		p.rest = p.rest[start+int(header.Length):]
		frames = append(frames, p.describe(header, payload))
	}
}

func (p *frameParser) describe(header ws.Header, payload []byte) string {
	var flaws string
	if header.Masked {
		flaws += " masked"
	}
	if header.Rsv != 0 {
		flaws += " rsv"
	}
	if !header.Fin {
		flaws += " unfinished"
	}
	switch header.OpCode {
	case ws.OpText, ws.OpBinary, ws.OpContinuation:
		p.payloads = append(p.payloads, bytes.Clone(payload))
		return opNames[header.OpCode] + flaws + " " + summarize(payload)
	case ws.OpClose:
		return "Close" + flaws + describeClose(payload)
	default:
		return fmt.Sprintf("%s%s %s", opNames[header.OpCode], flaws, payload)
	}
}

func describeClose(payload []byte) string {
	if len(payload) < 2 {
		return ""
	}
	code, reason := ws.ParseCloseFrameData(payload)
	if reason == "" {
		return fmt.Sprintf(" %d", code)
	}
	return fmt.Sprintf(" %d %s", code, reason)
}

var opNames = map[ws.OpCode]string{
	ws.OpContinuation: "Continuation",
	ws.OpText:         "Text",
	ws.OpBinary:       "Binary",
	ws.OpClose:        "Close",
	ws.OpPing:         "Ping",
	ws.OpPong:         "Pong",
}

func summarize(payload []byte) string {
	if len(payload) > 60 || !utf8.Valid(payload) {
		return fmt.Sprintf("of %d bytes", len(payload))
	}
	return string(payload)
}
