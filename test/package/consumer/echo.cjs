'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fastify = require('fastify')

/** Checks that the plugin serves an echo route over both HTTP versions, to connect() and to injectWS(). */
exports.checkEcho = async function checkEcho (plugin, connect) {
  // Several times: a session in memory that was destroyed during a write ended the process in some of them.
  for (let round = 0; round < 10; round++) {
    for (const [http, options] of [['1.1', {}], ['2', { http2: true }]]) {
      await serveEcho(plugin, options, async (app, url) => {
        await check(await app.injectWS('/echo', { headers: { 'sec-websocket-protocol': 'v1, v2' } }))

        const socket = connect(url, { http, protocols: ['v1', 'v2'] })
        await once(socket, 'open')
        await check(socket)
      })
    }
  }

  async function check (socket) {
    assert.equal(socket.protocol, 'v2')
    socket.send('hi')
    const [data] = await once(socket, 'message')
    assert.equal(String(data), 'hi')
    socket.terminate()
  }
}

async function serveEcho (plugin, options, check) {
  const app = fastify(options)
  await app.register(plugin)
  app.get('/echo', { websocket: { protocols: ['v2'] } }, (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    await check(app, `ws://127.0.0.1:${app.server.address().port}/echo`)
  } finally {
    await app.close()
  }
}
