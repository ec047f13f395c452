import { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { Socket } from 'node:net'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { getRouteMatcher } from '../../lib/route-matcher.ts'
import type { RouteMatcher } from '../../lib/route-matcher.ts'
import { kWebsocketRoute } from '../../lib/symbols.ts'

export interface TestRequest {
  url: string
  headers?: IncomingHttpHeaders
  /** Default: GET. */
  method?: string
}

type RequestWithResult = IncomingMessage & { onRouted?: (isWebsocketRoute: boolean) => void }

/** Marks a route as the plugin marks a websocket route that it serves. */
export function asWebsocketRoute (route: Partial<RouteOptions>): RouteOptions {
  return { method: 'GET', handler: async () => '', ...route, config: { [kWebsocketRoute]: undefined } } as RouteOptions
}

export function createRequest ({ url, headers = {}, method = 'GET' }: TestRequest): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { url, headers: { host: 'localhost', ...headers }, method })
}

/** Makes `isRoutedToWebsocket` work for requests of an app. */
export function recordRouting (app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    (request.raw as RequestWithResult).onRouted?.(kWebsocketRoute in request.routeOptions.config)
    return reply.hijack()
  })
}

/** Returns whether Fastify itself routes a request to a websocket route. Rejects if Fastify fails to route it. */
export async function isRoutedToWebsocket (app: FastifyInstance, testRequest: TestRequest): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const request: RequestWithResult = createRequest(testRequest)
    const response = new ServerResponse(request)
    request.onRouted = resolve
    request.on('error', reject)
    // Without a request of Fastify: 400, 414, or 500.
    response.end = () => {
      if (response.statusCode < 500) resolve(false)
      else reject(new Error(`status ${response.statusCode}`))
      return response
    }
    app.routing(request, response)
  })
}

export async function isMatch (
  app: FastifyInstance, testRequest: TestRequest, matcher: RouteMatcher = getRouteMatcher(app)
): Promise<boolean> {
  return await new Promise((resolve) => matcher.match(createRequest(testRequest), resolve))
}
