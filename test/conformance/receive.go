package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/net/http2"
)

func (c *Conn) read() {
	for {
		frame, err := c.framer.ReadFrame()
		if streamError, ok := errors.AsType[http2.StreamError](err); ok {
			c.update(func() { c.add("bad frame: " + streamError.Error()) })
			continue
		}
		if err != nil {
			c.update(func() {
				if _, ok := errors.AsType[http2.ConnectionError](err); ok {
					c.add("bad frame: " + err.Error())
				}
				c.add(connectionClosed)
			})
			return
		}
		c.respond(frame)
		c.update(func() { c.record(frame) })
		if c.options.stopReading {
			return
		}
	}
}

// respond sends the frames that HTTP/2 requires of any endpoint: acknowledgments and WINDOW_UPDATE.
func (c *Conn) respond(frame http2.Frame) {
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		if !frame.IsAck() && !c.options.ignoreSettings {
			c.write(func() { c.framer.WriteSettingsAck() })
		}
	case *http2.PingFrame:
		if !frame.IsAck() {
			c.write(func() { c.framer.WritePing(true, frame.Data) })
		}
	case *http2.DataFrame:
		if length := frame.Header().Length; length > 0 && !c.options.manualWindows {
			c.write(func() {
				c.framer.WriteWindowUpdate(0, length)
				if !frame.StreamEnded() {
					c.framer.WriteWindowUpdate(frame.StreamID, length)
				}
			})
		}
	}
}

// update changes the received state, and wakes all goroutines in wait.
func (c *Conn) update(change func()) {
	c.readLock.Lock()
	defer c.readLock.Unlock()
	change()
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Conn) add(frame string) {
	c.frames = append(c.frames, frame)
}

func (c *Conn) record(frame http2.Frame) {
	id := frame.Header().StreamID
	if id != 0 {
		if s := c.streams[id]; s != nil {
			s.record(frame)
		} else {
			c.add(fmt.Sprintf("%v on stream %d", frame.Header().Type, id))
		}
		return
	}
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		if frame.IsAck() {
			return
		}
		c.settings = append(c.settings, settingsOf(frame))
	case *http2.PingFrame:
		if frame.IsAck() {
			c.add("PING ACK " + string(bytes.TrimRight(frame.Data[:], "\x00")))
		}
	case *http2.WindowUpdateFrame:
		c.increments += int(frame.Increment)
	case *http2.GoAwayFrame:
		c.add("GOAWAY " + codeName(frame.ErrCode))
	}
}

func settingsOf(frame *http2.SettingsFrame) []http2.Setting {
	var settings []http2.Setting
	frame.ForeachSetting(func(setting http2.Setting) error {
		settings = append(settings, setting)
		return nil
	})
	return settings
}

// setting returns the last value of a setting that the server sent, or "not sent".
func (c *Conn) setting(id http2.SettingID) string {
	c.readLock.Lock()
	defer c.readLock.Unlock()
	if value := c.settingOr(id, -1); value >= 0 {
		return fmt.Sprint(value)
	}
	return "not sent"
}

func (c *Conn) settingOr(id http2.SettingID, value int) int {
	for _, settings := range c.settings {
		for _, setting := range settings {
			if setting.ID == id {
				value = int(setting.Val)
			}
		}
	}
	return value
}

func codeName(code http2.ErrCode) string {
	return strings.ReplaceAll(code.String(), "unknown error code ", "")
}
