import type { Http2Stream } from 'node:http2'
import { forgetEndStream } from '../internals/http2.ts'
import { nodeDestroy } from '../internals/streams.ts'

/** Sends one RST_STREAM with a code (RFC 9113 section 6.4), immediately, and destroys the stream. */
export function resetStream (stream: Http2Stream, code: number): void {
  if (!stream.closed && !stream.destroyed) {
    forgetEndStream(stream)
    stream.close(code)
  }
  nodeDestroy(stream)
}
