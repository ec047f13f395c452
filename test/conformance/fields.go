package main

import (
	"slices"

	"golang.org/x/net/http2/hpack"
)

// edit changes the fields of a request.
type edit func([]hpack.HeaderField) []hpack.HeaderField

// connectFields returns the fields of a handshake (RFC 8441 section 5).
func (c *Conn) connectFields(path string, edits ...edit) []hpack.HeaderField {
	fields := []hpack.HeaderField{
		{Name: ":method", Value: "CONNECT"},
		{Name: ":protocol", Value: "websocket"},
		{Name: ":scheme", Value: c.server.scheme()},
		{Name: ":path", Value: path},
		{Name: ":authority", Value: c.server.authority()},
		{Name: "sec-websocket-version", Value: "13"},
	}
	return apply(fields, edits)
}

func (c *Conn) getFields(path string, edits ...edit) []hpack.HeaderField {
	return apply([]hpack.HeaderField{
		{Name: ":method", Value: "GET"},
		{Name: ":scheme", Value: c.server.scheme()},
		{Name: ":path", Value: path},
		{Name: ":authority", Value: c.server.authority()},
	}, edits)
}

func apply(fields []hpack.HeaderField, edits []edit) []hpack.HeaderField {
	for _, each := range edits {
		fields = each(fields)
	}
	return fields
}

func with(name, value string) edit {
	return func(fields []hpack.HeaderField) []hpack.HeaderField {
		return append(fields, hpack.HeaderField{Name: name, Value: value})
	}
}

func prepend(name, value string) edit {
	return func(fields []hpack.HeaderField) []hpack.HeaderField {
		return slices.Insert(fields, 0, hpack.HeaderField{Name: name, Value: value})
	}
}

func set(name, value string) edit {
	return func(fields []hpack.HeaderField) []hpack.HeaderField {
		for i := range fields {
			if fields[i].Name == name {
				fields[i].Value = value
			}
		}
		return fields
	}
}

func without(names ...string) edit {
	return func(fields []hpack.HeaderField) []hpack.HeaderField {
		return slices.DeleteFunc(fields, func(field hpack.HeaderField) bool {
			return slices.Contains(names, field.Name)
		})
	}
}
