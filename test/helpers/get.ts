import { once } from 'node:events'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { text } from 'node:stream/consumers'
import type { Fixture } from './transports.ts'

/** Returns the body of a plain GET, over the HTTP version of the sockets. */
export async function get ({ session, origin }: Fixture, path: string): Promise<string> {
  if (session !== undefined) return await text(session.request({ ':path': path }))
  const send = origin.startsWith('https:') ? requestHttps : requestHttp
  const [response] = await once(send(origin + path, { rejectUnauthorized: false, agent: false }).end(), 'response')
  return await text(response)
}
