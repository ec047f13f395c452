import type {
  HttpVersion, RefusalCause, RelayStats, SocketCloseMessage, SocketTraffic, WebsocketStats
} from '../../types/index.ts'
import type { CompressionBudget } from '../handshake/compression-budget.ts'
import type { Session } from '../http2/session.ts'
import type { SocketRecord } from '../socket/socket-record.ts'

/** Parts of the plugin whose state is in the statistics. */
export interface Sources {
  admission: { readonly pending: number, readonly compression: Pick<CompressionBudget, 'bytes' | 'declined' | 'sockets'> }
  others: { readonly received: number }
  sessions: { readonly open: Iterable<Session> }
  topics: { stats (): WebsocketStats['topics'] }
  relay?: { stats (): RelayStats } | undefined
}

/** Numbers since the registration of the plugin. Those of open sockets are in their records. */
export class Totals {
  sessions = 0
  unresponsive = 0
  #opened = 0
  readonly #closed = new Map<number, number>()
  readonly #refused: Record<RefusalCause, number> = {
    aborted: 0,
    invalid_request: 0,
    max_pending_handshakes: 0,
    max_sockets: 0,
    no_route: 0,
    origin: 0,
    reply: 0,
    shutdown: 0,
    timeout: 0,
    verify_client: 0
  }

  readonly #slowConsumers = { closed: 0, dropped: 0 }
  /** Traffic of the sockets that have closed. */
  readonly #traffic: SocketTraffic = { messagesReceived: 0, messagesSent: 0, bytesReceived: 0, bytesSent: 0 }

  refused (cause: RefusalCause): void {
    this.#refused[cause]++
  }

  slowConsumer (action: 'close' | 'drop'): void {
    this.#slowConsumers[action === 'close' ? 'closed' : 'dropped']++
  }

  socketOpened (): void {
    this.#opened++
  }

  socketClosed (message: SocketCloseMessage): void {
    this.#closed.set(message.code, (this.#closed.get(message.code) ?? 0) + 1)
    addTraffic(this.#traffic, message)
  }

  summarize (
    records: ReadonlySet<SocketRecord>, { admission, others, sessions, topics, relay }: Sources
  ): WebsocketStats {
    const traffic = { ...this.#traffic }
    for (const record of records) addTraffic(traffic, record)
    const { sockets, bytes: reservedBytes, declined } = admission.compression
    return {
      sockets: {
        opened: this.#opened,
        ...summarizeOpen(records),
        closed: Object.fromEntries(this.#closed),
        unresponsive: this.unresponsive,
        slowConsumers: { ...this.#slowConsumers }
      },
      compression: { sockets, reservedBytes, declined },
      messages: { received: traffic.messagesReceived, sent: traffic.messagesSent },
      bytes: { received: traffic.bytesReceived, sent: traffic.bytesSent },
      topics: topics.stats(),
      handshakes: { pending: admission.pending, refused: { ...this.#refused }, leftToOthers: others.received },
      sessions: { opened: this.sessions, ...summarizeSessions(sessions.open) },
      ...(relay !== undefined && { relay: relay.stats() })
    }
  }
}

type OpenSockets = Pick<WebsocketStats['sockets'], 'bufferedBytes' | 'byHttpVersion' | 'byRoute' | 'open' | 'paused'>

function summarizeOpen (records: ReadonlySet<SocketRecord>): OpenSockets {
  const byHttpVersion = noSockets()
  const byRoute = new Map<string, Record<HttpVersion, number>>()
  let bufferedBytes = 0
  let paused = 0
  for (const { socket, route, httpVersion } of records) {
    byHttpVersion[httpVersion]++
    const ofRoute = byRoute.get(route) ?? noSockets()
    ofRoute[httpVersion]++
    byRoute.set(route, ofRoute)
    bufferedBytes += socket.bufferedAmount
    if (socket.isPaused) paused++
  }
  return { open: records.size, byHttpVersion, byRoute: Object.fromEntries(byRoute), bufferedBytes, paused }
}

function summarizeSessions (
  sessions: Iterable<Session>
): Pick<WebsocketStats['sessions'], 'largestReceiveWindow' | 'open' | 'unreadBytes'> {
  const sum = { open: 0, largestReceiveWindow: 0, unreadBytes: 0 }
  for (const { tuner, budget } of sessions) {
    sum.open++
    sum.largestReceiveWindow = Math.max(sum.largestReceiveWindow, tuner.size)
    sum.unreadBytes += budget.countUnread()
  }
  return sum
}

function noSockets (): Record<HttpVersion, number> {
  return { 1.1: 0, 2: 0 }
}

function addTraffic (sum: SocketTraffic, traffic: SocketTraffic): void {
  sum.messagesReceived += traffic.messagesReceived
  sum.messagesSent += traffic.messagesSent
  sum.bytesReceived += traffic.bytesReceived
  sum.bytesSent += traffic.bytesSent
}
