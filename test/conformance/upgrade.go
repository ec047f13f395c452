package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// H1 is a WebSocket over HTTP/1.1 (RFC 6455), of which each byte is ours to choose.
type H1 struct {
	net  net.Conn
	in   *bufio.Reader
	said []string
}

// upgrade opens a WebSocket over HTTP/1.1, with header lines besides its own.
func (t *T) upgrade(path, lines string) *H1 {
	h1, err := upgrade(t.target, path, lines)
	if err != nil {
		t.equal("the upgrade", err.Error(), "101")
	}
	return h1
}

func upgrade(target *Target, path, lines string) (*H1, error) {
	connection, err := target.connect("http/1.1")
	if err != nil {
		return nil, err
	}
	connection.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, target.authority(), lines)
	h1 := &H1{net: connection, in: bufio.NewReader(connection)}
	response, err := http.ReadResponse(h1.in, nil)
	if err != nil {
		return nil, err
	}
	h1.said = append(h1.said, fmt.Sprint(response.StatusCode))
	if response.StatusCode != http.StatusSwitchingProtocols {
		io.Copy(io.Discard, response.Body)
	}
	return h1, nil
}

func (h1 *H1) write(bytes []byte) {
	h1.net.Write(bytes)
}

// words waits until the server has said so many things, or has ended.
func (h1 *H1) words(count int) []string {
	var frames reader
	buffer := make([]byte, 65_536)
	for len(h1.said) < count {
		size, err := h1.in.Read(buffer)
		h1.said = append(h1.said, frames.read(buffer[:size])...)
		if err == io.EOF {
			h1.said = append(h1.said, "end")
		}
		if err != nil {
			break
		}
	}
	return h1.said
}
