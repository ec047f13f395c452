import { once } from 'node:events'
import { request as requestHttp } from 'node:http'
import { connect } from 'node:http2'
import { request as requestHttps } from 'node:https'
import { text } from 'node:stream/consumers'
import type { Fixture } from './transports.ts'

/** Returns the body of a plain GET, over the HTTP version of the sockets, on a connection of its own. */
export async function get ({ session, origin }: Fixture, path: string): Promise<string> {
  if (session !== undefined) {
    const own = connect(origin, { rejectUnauthorized: false })
    const body = await text(own.request({ ':path': path }))
    own.close()
    return body
  }
  const send = origin.startsWith('https:') ? requestHttps : requestHttp
  const [response] = await once(send(origin + path, { rejectUnauthorized: false, agent: false }).end(), 'response')
  return await text(response)
}
