package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// H1 is a client's WebSocket over HTTP/1.1 (RFC 6455) on which a case can send any bytes.
type H1 struct {
	net      net.Conn
	in       *bufio.Reader
	received []string
}

// upgrade opens a WebSocket over HTTP/1.1, with additional header lines.
func (t *T) upgrade(path, lines string) *H1 {
	h1, err := upgrade(t.server, path, lines)
	if err != nil {
		t.equal("the upgrade", err.Error(), "101")
	}
	return h1
}

func upgrade(server *TestServer, path, lines string) (*H1, error) {
	connection, err := server.connect("http/1.1")
	if err != nil {
		return nil, err
	}
	connection.SetDeadline(time.Now().Add(timeout))
	fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, server.authority(), lines)
	h1 := &H1{net: connection, in: bufio.NewReader(connection)}
	response, err := http.ReadResponse(h1.in, nil)
	if err != nil {
		return nil, err
	}
	h1.received = append(h1.received, fmt.Sprint(response.StatusCode))
	if response.StatusCode != http.StatusSwitchingProtocols {
		io.Copy(io.Discard, response.Body)
	}
	return h1, nil
}

func (h1 *H1) write(bytes []byte) {
	h1.net.Write(bytes)
}

// receive waits until the server has sent a number of frames, or has ended the connection. Returns all of them.
func (h1 *H1) receive(count int) []string {
	var parser frameParser
	buffer := make([]byte, 65_536)
	for len(h1.received) < count {
		size, err := h1.in.Read(buffer)
		h1.received = append(h1.received, parser.parse(buffer[:size])...)
		if err == io.EOF {
			h1.received = append(h1.received, "end")
		}
		if err != nil {
			break
		}
	}
	return h1.received
}
