import type { OutgoingHttpHeaders } from 'node:http'
import type { ServerHttp2Stream, ServerStreamResponseOptions } from 'node:http2'
import { FST_WS_HEADERS_TOO_LARGE } from '../errors.ts'
import { combineValues } from './header-fields.ts'

/**
 * Limit of the fields of a response, in bytes. nghttp2 sends at most 64 KiB, and Node closes the session of a larger
 * response. The rest is for the Date field that Node adds.
 */
const MAX_SIZE = 64 * 1024 - 128

/** Bytes that nghttp2 counts for each field, in addition to its name and value. */
const FIELD_OVERHEAD = 12

/**
 * Responds, even if a field such as ETag has several values: over HTTP/1.1 they are sent too.
 *
 * @throws FST_WS_HEADERS_TOO_LARGE
 */
export function respond (
  stream: ServerHttp2Stream, headers: OutgoingHttpHeaders, options: ServerStreamResponseOptions
): void {
  const size = sizeOf(headers)
  if (size > MAX_SIZE) throw new FST_WS_HEADERS_TOO_LARGE(size, MAX_SIZE)
  try {
    stream.respond(headers, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_HTTP2_HEADER_SINGLE_VALUE') throw error
    stream.respond(combineValues(headers), options)
  }
}

function sizeOf (headers: OutgoingHttpHeaders): number {
  let size = 0
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (Array.isArray(value)) for (const each of value) size += sizeOfField(name, each)
    else if (value !== undefined) size += sizeOfField(name, value)
  }
  return size
}

function sizeOfField (name: string, value: number | string): number {
  return name.length + String(value).length + FIELD_OVERHEAD
}
