import { setTimeout as sleep } from 'node:timers/promises'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import t from 'tap'
import { H1, H2C, start } from '../helpers/transports.ts'
import { closed, nextTexts } from '../helpers/waiting.ts'

for (const transport of [H1, H2C]) {
  void t.test(`${transport.name}: a socket that exceeds a limit of rate-limiter-flexible is closed with 1008`, async (t) => {
    const limiter = new RateLimiterMemory({ points: 3, duration: 60 })
    const { open } = await start(t, transport, (app) => {
      app.get('/chat', { websocket: true }, (socket, request) => {
        socket.on('message', async (data) => {
          try {
            await limiter.consume(request.ip)
          } catch {
            return socket.close(1008, 'too many messages')
          }
          socket.send(String(data))
        })
      })
    })
    const socket = await open('/chat')
    const received = nextTexts(socket, 3)
    for (const text of ['1', '2', '3', '4', '5']) socket.send(text)
    t.same(await received, ['1', '2', '3'])
    t.same(await closed(socket), { code: 1008, reason: 'too many messages' })
  })

  void t.test(`${transport.name}: a loop that waits for rate-limiter-flexible receives every message, in order`, async (t) => {
    const limiter = new RateLimiterMemory({ points: 2, duration: 1 })
    let waits = 0
    const { open } = await start(t, transport, (app) => {
      app.get('/chat', { websocket: true }, async (socket, request) => {
        for await (const message of socket) {
          for (let hasWaited = true; hasWaited;) {
            hasWaited = await limiter.consume(request.ip).then(() => false, async (refusal: unknown) => {
              if (!(refusal instanceof RateLimiterRes)) throw refusal
              waits++
              await sleep(refusal.msBeforeNext)
              return true
            })
          }
          socket.send(String(message))
        }
      })
    })
    const socket = await open('/chat')
    const received = nextTexts(socket, 5)
    for (const text of ['1', '2', '3', '4', '5']) socket.send(text)
    t.same(await received, ['1', '2', '3', '4', '5'])
    t.ok(waits >= 2)
  })
}
