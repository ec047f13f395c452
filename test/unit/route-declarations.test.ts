import type { RouteOptions } from 'fastify'
import t from 'tap'
import { checkRoute, isHeadOnly, isWebsocketRoute, servesOnlySockets } from '../../lib/route-declarations.ts'

const handler = (): void => {}

void t.test('isWebsocketRoute: websocket other than false, or wsHandler, declares a websocket route', async (t) => {
  const routes: Array<[Partial<RouteOptions>, boolean]> = [
    [{}, false], [{ websocket: false }, false], [{ websocket: undefined as never }, false], [{ websocket: true }, true],
    [{ websocket: {} }, true], [{ wsHandler: handler }, true], [{ websocket: false, wsHandler: handler }, true]
  ]
  for (const [route, expected] of routes) t.equal(isWebsocketRoute(route as RouteOptions), expected)
})

void t.test('isHeadOnly: HEAD is the only method', async (t) => {
  for (const method of ['HEAD', ['HEAD']]) t.equal(isHeadOnly({ method } as RouteOptions), true)
  for (const method of ['GET', ['GET', 'HEAD']]) t.equal(isHeadOnly({ method } as RouteOptions), false)
})

void t.test('servesOnlySockets: the handler of the route is its websocket handler', async (t) => {
  t.equal(servesOnlySockets({ websocket: true, handler } as unknown as RouteOptions), true)
  t.equal(servesOnlySockets({ websocket: { maxPayload: 10 }, handler } as unknown as RouteOptions), true)
  t.equal(servesOnlySockets({ handler, wsHandler: handler } as unknown as RouteOptions), false)
})

void t.test('checkRoute: a websocket route has the method GET, and a handler for sockets', async (t) => {
  const check = (route: object) => (): void => { checkRoute({ url: '/path', ...route } as RouteOptions) }
  for (const method of ['GET', 'HEAD', ['GET', 'HEAD']]) t.doesNotThrow(check({ method, websocket: true, handler }))
  t.doesNotThrow(check({ method: 'GET', handler, wsHandler: handler }))
  t.throws(check({ method: ['GET', 'POST'], websocket: true, handler }), { code: 'FST_WS_INVALID_METHOD' })
  t.throws(check({ method: 'GET', websocket: true }), { code: 'FST_WS_INVALID_HANDLER' })
  t.throws(check({ method: 'GET', handler, wsHandler: 'handler' }), { code: 'FST_WS_INVALID_HANDLER' })
})
