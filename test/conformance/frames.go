package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// A frame as a client has to send it: masked (RFC 6455 section 5.3).
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

func closingWith(body []byte) []byte {
	return masked(ws.NewCloseFrame(body))
}

// One of the frames of a message.
func fragment(op ws.OpCode, fin bool, payload string) []byte {
	return masked(ws.NewFrame(op, fin, []byte(payload)))
}

// A frame with a bit set that only an extension gives a meaning (RFC 6455 section 5.2).
func reserved(frame ws.Frame, rsv byte) []byte {
	frame.Header.Rsv = rsv
	return masked(frame)
}

// reader makes words of the frames that a server sends, whole ones only.
type reader struct {
	rest []byte
	// Payloads of all data frames.
	payloads [][]byte
}

func (r *reader) read(data []byte) []string {
	var words []string
	r.rest = append(r.rest, data...)
	for {
		source := bytes.NewReader(r.rest)
		header, err := ws.ReadHeader(source)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return words
		}
		if err != nil {
			return append(words, "bad frame: "+err.Error())
		}
		start := len(r.rest) - source.Len()
		if header.Length > int64(source.Len()) {
			return words
		}
		payload := r.rest[start : start+int(header.Length)]
		r.rest = r.rest[start+int(header.Length):]
		words = append(words, r.describe(header, payload))
	}
}

func (r *reader) describe(header ws.Header, payload []byte) string {
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
		r.payloads = append(r.payloads, bytes.Clone(payload))
		return opNames[header.OpCode] + flaws + " " + brief(payload)
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

func brief(payload []byte) string {
	if len(payload) > 60 || !utf8.Valid(payload) {
		return fmt.Sprintf("of %d bytes", len(payload))
	}
	return string(payload)
}
