import type { Http2Server, Settings } from 'node:http2'
import { readMaxHeaderSize, readServerOptions } from '../internals/http2.ts'

/** Bytes that count for each field of a header list, in addition to its name and value (RFC 9113 section 6.5.2). */
const FIELD_OVERHEAD = 32

/** Settings as Node reads them. The type of `maxHeaderSize`, an alias, is missing in older versions. */
type HeaderListSettings = Pick<Settings, 'maxHeaderListSize'> & { maxHeaderSize?: number }

/**
 * Returns the limit, in bytes, of the header lists that a server accepts: that of its settings or else, as there is no
 * reason for another one over HTTP/2, that of HTTP/1.1. Node alone has no limit but that of 128 fields.
 */
export function readHeaderListLimit (server: Http2Server): number {
  const { maxHeaderListSize, maxHeaderSize = maxHeaderListSize }: HeaderListSettings =
    readServerOptions(server).settings ?? {}
  return maxHeaderSize ?? readMaxHeaderSize(server)
}

/** Returns the size of a header list, in bytes, as RFC 9113 section 6.5.2 defines it. */
export function sizeOfHeaderList (rawHeaders: readonly string[]): number {
  let size = rawHeaders.length / 2 * FIELD_OVERHEAD
  for (const { length } of rawHeaders) size += length
  return size
}
