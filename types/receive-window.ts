/** Receive windows of an HTTP/2 session (RFC 9113 section 5.2). */
export interface ReceiveWindowOptions {
  /**
   * Initial window of each stream, in bytes, at least 1024 (SETTINGS_INITIAL_WINDOW_SIZE, RFC 9113 section 6.5.2).
   * Default: `initialWindowSize` in the `settings` of the server, else 65535.
   */
  initial?: number | undefined
  /**
   * Largest window of a stream, in bytes, at least 1024. The window grows up to it while the stream is read as fast as
   * the peer sends. The streams of a session have at most 33554432 bytes in flight together; before Node.js 26 4194304,
   * because with more, two such processes could block each other indefinitely. Default: 16777216.
   */
  max?: number | undefined
  /**
   * Limit of the unread bytes of all streams of a session, at least 65535. A stream that exceeds it is reset with
   * ENHANCE_YOUR_CALM (RFC 9113 section 7). Default: 134217728.
   */
  sessionBudget?: number | undefined
}
