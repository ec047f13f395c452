'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { connect } = require('node:http2')
const fastify = require('fastify')
const { WebSocket } = require('ws')

const MASKED_HI = Buffer.from([0x81, 0x82, 0, 0, 0, 0, ...Buffer.from('hi')])
const HI = Buffer.from([0x81, 0x02, ...Buffer.from('hi')])

/** Fails unless the plugin serves an echo over both HTTP versions. */
exports.checkEcho = async function checkEcho (plugin) {
  await serveEcho(plugin, {}, async (port) => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/echo`)
    await once(client, 'open')
    client.send('hi')
    const [data] = await once(client, 'message')
    assert.equal(String(data), 'hi')
  })

  await serveEcho(plugin, { http2: true }, async (port) => {
    const session = connect(`http://127.0.0.1:${port}`)
    await once(session, 'remoteSettings')
    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/echo', 'sec-websocket-version': '13'
    })
    const [headers] = await once(stream, 'response')
    assert.equal(headers[':status'], 200)
    stream.write(MASKED_HI)
    const [data] = await once(stream, 'data')
    assert.deepEqual(data, HI)
    session.destroy()
  })
}

async function serveEcho (plugin, options, check) {
  const app = fastify(options)
  await app.register(plugin)
  app.get('/echo', { websocket: true }, (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    await check(app.server.address().port)
  } finally {
    await app.close()
  }
}
