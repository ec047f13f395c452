/** Opens many sockets to a server of the demo. Runs as a child process. */
import { once } from 'node:events'
import http2 from 'node:http2'
import { connect } from 'fastify-websocket-h2/client'
import { answerParent } from './child.js'

const MOST_OPENING = 20
const SPARE = 20

const tls = { rejectUnauthorized: false }
const handshakeTimeout = 10_000

const sockets = []
let session

function openSocket (port) {
  return session === undefined
    ? connect(`wss://127.0.0.1:${port}/echo`, { ...tls, handshakeTimeout, http: '1.1' })
    : connect(session, { path: '/echo', handshakeTimeout })
}

/** Returns the number of sockets that are open: fewer than `count` if the system limits the open files. */
async function open ({ port, http2: useHttp2, count }) {
  if (useHttp2) session ??= http2.connect(`https://127.0.0.1:${port}`, tls)
  const openedBefore = sockets.length
  let toOpen = count
  const openNext = async () => {
    while (toOpen-- > 0) {
      const socket = openSocket(port)
      await once(socket, 'message')
      sockets.push(socket)
      socket.on('error', () => {})
    }
  }
  const results = await Promise.allSettled(Array.from({ length: MOST_OPENING }, openNext))
  if (results.some(({ status }) => status === 'rejected')) await closeSome()
  return sockets.length - openedBefore
}

// A server that may open no more files cannot read its own memory.
async function closeSome () {
  await Promise.all(sockets.splice(-SPARE).map((socket) => {
    socket.close()
    return once(socket, 'close')
  }))
}

answerParent({ open })
