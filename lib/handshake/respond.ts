import type { OutgoingHttpHeaders } from 'node:http'
import type { ServerHttp2Stream, ServerStreamResponseOptions } from 'node:http2'
import { combineValues } from './header-fields.ts'

/** Responds, even if a field such as ETag has several values: over HTTP/1.1 they are sent too. */
export function respond (
  stream: ServerHttp2Stream, headers: OutgoingHttpHeaders, options: ServerStreamResponseOptions
): void {
  try {
    stream.respond(headers, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_HTTP2_HEADER_SINGLE_VALUE') throw error
    stream.respond(combineValues(headers), options)
  }
}
