/** The open sockets of /echo, with the page that each belongs to, and the connection that carries it. */
export class OpenSockets {
  #sockets = new Map()

  add (socket, { query, raw }) {
    this.#sockets.set(socket, { page: query.page, carrier: raw.stream?.session ?? raw.socket })
    socket.on('close', () => this.#sockets.delete(socket))
  }

  /** Counts the sockets and the connections of a page, or of all pages. */
  count (page) {
    const sockets = [...this.#sockets.values()].filter((socket) => page === undefined || socket.page === page)
    return { openSockets: sockets.length, carriers: new Set(sockets.map(({ carrier }) => carrier)).size }
  }
}
