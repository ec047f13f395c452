declare const kData: unique symbol

/**
 * Message that was framed once, to be sent any number of times: by `publish()`, `broadcast()` and `socket.send()`.
 * `app.websocketServer.prepare()` returns it. It has a copy of the data. See RFC 6455 section 5.2.
 *
 * `Data` is the type of the data that it was prepared from. A topic that `WebSocketTopics` declares takes only those of
 * its type.
 */
export interface PreparedMessage<Data = unknown> {
  /** True for a binary message, false for text. */
  readonly isBinary: boolean
  /** Size in bytes, without the frame header and before compression. */
  readonly byteLength: number
  /** Exists in types only, to keep `Data`. */
  readonly [kData]?: Data
}

/** Options of `prepare()`. */
export interface MessageOptions {
  /** Sends a binary message if true, and text if false. Default: true for bytes, false for anything else. */
  binary?: boolean | undefined
  /** Allows compression on the sockets that have negotiated it. Default: true. See RFC 7692. */
  compress?: boolean | undefined
}
