package main

import (
	"golang.org/x/net/http2"
)

var disabled = false

var notAdvertising = &serverOptions{Plugin: map[string]any{"advertise": false}}

// isNotAdvertised expects that the server does not support Extended CONNECT, and that a session survives a request for it.
func isNotAdvertised(t *T) {
	c := t.dial()
	t.equal("SETTINGS_ENABLE_CONNECT_PROTOCOL", c.setting(http2.SettingEnableConnectProtocol), "not sent")
	t.equal("an Extended CONNECT", c.connect("/echo").untilReset(), malformed)
	t.equal("a GET", c.request(c.getFields("/plain"), true).status(), "200")
}

var _ = group("settings",
	Case{Name: "enable-connect-protocol", RFC: "RFC 8441 section 3", Run: func(t *T) {
		c := t.dial()
		t.equal("SETTINGS_ENABLE_CONNECT_PROTOCOL", c.setting(http2.SettingEnableConnectProtocol), "1")
		t.expectEcho(c)
	}},
	Case{Name: "in-the-first-settings", RFC: "RFC 8441 section 3", Run: func(t *T) {
		c := t.dial()
		c.settle()
		t.equal("SETTINGS frames", len(c.settings), 1)
		t.equal("SETTINGS_ENABLE_CONNECT_PROTOCOL", c.setting(http2.SettingEnableConnectProtocol), "1")
	}},
	Case{Name: "never-withdrawn", RFC: "RFC 8441 section 3", Run: func(t *T) {
		c := t.dial()
		for range 20 {
			s := t.open(c, "/push?bytes=200000")
			s.untilFrame("Binary of 200000 bytes")
			s.lastData(closing(1000, ""))
			s.untilEnd()
		}
		c.settle()
		for _, settings := range c.settings {
			for _, setting := range settings {
				if setting.ID == http2.SettingEnableConnectProtocol {
					t.equal("SETTINGS_ENABLE_CONNECT_PROTOCOL", setting.Val, uint32(1))
				}
			}
		}
	}},
	Case{Name: "silent-without-a-route", RFC: "RFC 8441 section 3", Server: &serverOptions{Sockets: &disabled}, Run: isNotAdvertised},
	Case{Name: "not-advertised", RFC: "RFC 8441 sections 3, 4", Server: notAdvertising, Run: isNotAdvertised},
	Case{Name: "of-a-client", RFC: "RFC 8441 section 3", Run: func(t *T) {
		c := t.dial(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1})
		t.expectEcho(c)
	}},
	Case{Name: "not-of-a-client", RFC: "RFC 8441 section 3", Run: func(t *T) {
		c := t.dial(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 0})
		t.expectEcho(c)
	}},
	Case{Name: "value-2-of-a-client", RFC: "RFC 8441 section 3", Run: func(t *T) {
		c := t.dial(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 2})
		t.expectConnectionError(c, "PROTOCOL_ERROR")
	}},
	Case{Name: "unknown", RFC: "RFC 9113 section 6.5.2", Run: func(t *T) {
		c := t.dial(http2.Setting{ID: 0x4242, Val: 7})
		t.expectEcho(c)
	}},
	Case{Name: "connect-before-settings-are-read", RFC: "RFC 8441 section 4", Run: func(t *T) {
		// A client must not do so. If it does, only its own stream may fail.
		c := t.track(dialWithoutReading(t.server, connOptions{}))
		s := c.connect("/echo")
		t.oneOf("frames on the stream", s.untilCount(1), []string{"HEADERS 200"}, []string{"RST_STREAM PROTOCOL_ERROR"})
		t.expectEcho(c)
	}},
	Case{Name: "max-concurrent-streams", RFC: "RFC 9113 section 5.1.2", Run: func(t *T) {
		t.equal("SETTINGS_MAX_CONCURRENT_STREAMS", t.dial().setting(http2.SettingMaxConcurrentStreams), "1024")
	}},
	Case{Name: "push-disabled-by-the-client", RFC: "RFC 9113 section 6.5.2", Run: func(t *T) {
		c := t.dial(http2.Setting{ID: http2.SettingEnablePush, Val: 0})
		t.expectEcho(c)
	}},
)
