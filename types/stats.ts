import type { RefusalCause } from './channels.ts'
import type { RelayStats } from './relay.ts'
import type { HttpVersion } from './socket.ts'

/** Result of `app.websocketServer.stats()`. Totals count from the registration of the plugin. */
export interface WebsocketStats {
  /** Sockets of all websocket routes. */
  sockets: {
    /** Open sockets. */
    open: number
    /** Sockets that were opened. */
    opened: number
    /** Open sockets by HTTP version. */
    byHttpVersion: Record<HttpVersion, number>
    /** Open sockets by the URL of the route, as it was declared, and by HTTP version. */
    byRoute: Record<string, Record<HttpVersion, number>>
    /** Open sockets that are paused, by the user or because a consumer cannot keep up. */
    paused: number
    /** Bytes that wait to be sent: the sum of `bufferedAmount`. */
    bufferedBytes: number
    /** Sockets that have closed, by the code of `'close'` (RFC 6455 section 7.1.5). */
    closed: Record<number, number>
    /** Sockets that `heartbeat` has terminated. */
    unresponsive: number
    /** Decisions of `slowConsumer`: sockets that were closed, and messages that were dropped. */
    slowConsumers: { closed: number, dropped: number }
  }
  /** Sockets that compress messages (permessage-deflate, RFC 7692). `compressionBudget` limits their memory. */
  compression: {
    /** Open sockets that compress, and handshakes that may open one. */
    sockets: number
    /** Memory, in bytes, that is reserved for them. */
    reservedBytes: number
    /** Sockets that were opened without compression, because the budget was used up. */
    declined: number
  }
  /** Messages of all sockets, open and closed. */
  messages: { received: number, sent: number }
  /** Bytes of these messages, before compression and without frame headers. */
  bytes: { received: number, sent: number }
  /** Topics, and the messages that were published to them. */
  topics: {
    /** Topics that sockets subscribe to. */
    open: number
    /** Subscriptions of open sockets. */
    subscriptions: number
    /** Messages of `publish()` and `broadcast()`, and of other nodes. */
    published: number
    /** Messages that sockets took: one that reaches three sockets counts three times. */
    delivered: number
  }
  /** Handshakes that opened no socket, or none yet. */
  handshakes: {
    /** Handshakes that are not answered yet. */
    pending: number
    /** Handshakes that opened no socket, by cause. */
    refused: Record<RefusalCause, number>
    /** Handshakes that were left to other WebSocket servers on the port. */
    leftToOthers: number
  }
  /** HTTP/2 sessions, with and without sockets. */
  sessions: {
    /** Open sessions. */
    open: number
    /** Sessions that were opened. */
    opened: number
    /** Largest receive window, in bytes, that the streams of a session have now; 0 without a session. */
    largestReceiveWindow: number
    /** Bytes that were received and not read yet. `receiveWindow.sessionBudget` limits them for each session. */
    unreadBytes: number
  }
  /** Messages to and from other nodes. Absent without the option `relay`. */
  relay?: RelayStats
}
