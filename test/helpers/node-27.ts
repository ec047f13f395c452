import { constants } from 'node:http2'
import type { Http2Server, Http2ServerRequest, Http2Stream } from 'node:http2'

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants

type Destroy = (error: Error | null, callback: (error?: Error | null) => void) => void

/**
 * Makes the streams of a server report a reset as Node 27 does (nodejs/node#63249). If the peer resets a stream before
 * END_STREAM was read, the stream emits 'aborted', then 'error', then 'close', and so does its request. Returns the
 * codes of these errors.
 */
export function reportResetsAsNode27 (server: Http2Server): string[] {
  const codes: string[] = []
  server.prependListener('stream', (stream) => reportResets(stream, codes))
  server.prependListener('connect', (request: Http2ServerRequest) => {
    request.stream.on('error', (error) => request.emit('error', error))
  })
  return codes
}

/** Makes one stream report a reset by its peer as Node 27 does. */
export function reportResets (stream: Http2Stream, codes: string[] = []): void {
  const { _destroy: destroy } = stream as unknown as { _destroy: Destroy }
  const { close } = stream
  let isReset = true
  Object.assign(stream, {
    close (...parameters: Parameters<typeof close>) {
      if (!stream.closed) isReset = false
      close.apply(stream, parameters)
    },
    _destroy (error: Error | null, callback: (error?: Error | null) => void) {
      const { closed, readableEnded, rstCode } = stream
      const reportsReset = error == null && closed && isReset && !readableEnded && rstCode !== NGHTTP2_NO_ERROR
      const reported = reportsReset ? toError(rstCode!) : undefined
      if (reported !== undefined) codes.push(reported.code)
      destroy.call(stream, error, (ownError) => callback(ownError ?? reported))
    }
  })
}

function toError (code: number): Error & { code: string } {
  return code === NGHTTP2_CANCEL
    ? Object.assign(new Error('The stream was aborted'), { code: 'ERR_HTTP2_STREAM_ABORTED' })
    : Object.assign(new Error(`Stream closed with error code ${code}`), { code: 'ERR_HTTP2_STREAM_ERROR' })
}
