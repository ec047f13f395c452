import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { createOriginCheck } from '../../../lib/handshake/origin.ts'

interface Parts {
  origin?: string
  host?: string
  protocol?: string
  ips?: string[]
  forwarded?: string
  proxy?: object
}

function createRequest ({ origin, host = '', protocol = 'http', ips, forwarded, proxy }: Parts): FastifyRequest {
  const headers = { origin, ...(forwarded !== undefined && { 'x-forwarded-proto': forwarded }), ...proxy }
  return { headers, host, protocol, ips } as unknown as FastifyRequest
}

const checkSame = createOriginCheck('same')!

void t.test('"same" compares hosts and ports as URLs do: case, default ports, IPv6 and punycode', async (t) => {
  for (const [origin, host] of [
    ['http://example.com', 'EXAMPLE.com'], ['http://example.com', 'example.com:80'], ['http://example.com:80', 'example.com'],
    ['https://example.com', 'example.com:443'], ['https://example.com:443', 'example.com'],
    ['https://example.com:8443', 'example.com:8443'], ['http://[::1]:3000', '[0:0:0:0:0:0:0:1]:3000'],
    ['https://xn--bcher-kva.example', 'bücher.example'], ['HTTPS://Example.Com', 'example.com']
  ]) t.equal(checkSame(createRequest({ origin, host })), undefined, `${origin} at ${host}`)

  for (const [origin, host] of [
    ['http://example.com', 'example.com:443'], ['https://example.com', 'example.com:80'],
    ['https://example.com:8443', 'example.com'], ['https://example.com', 'www.example.com'], ['http://[::1]', '[::2]'],
    ['https://example.com', ''], ['https://example.com', 'example.com, evil.example'],
    ['https://example.com', 'user@example.com'], ['https://example.com', 'example.com/path'], ['https://', ''],
    ['null', 'null'], ['null', ''], ['ws://example.com', 'example.com'], ['ftp://example.com', 'example.com'],
    ['https://example.com\\@evil.example', 'evil.example'], ['https://exa mple.com', 'example.com'],
    [`https://${'a'.repeat(600)}`, 'a'.repeat(600)]
  ]) t.match(checkSame(createRequest({ origin, host })), { code: 'FST_WS_ORIGIN_NOT_ALLOWED' }, `${origin} at ${host}`)
})

void t.test('"same" compares the scheme of our own TLS, and of a trusted X-Forwarded-Proto', async (t) => {
  const check = (scheme: string, parts: Parts): boolean => {
    return checkSame(createRequest({ origin: `${scheme}://a.example`, host: 'a.example', ...parts })) === undefined
  }
  t.equal(check('http', { protocol: 'https' }), false)
  t.equal(check('https', { protocol: 'https' }), true)
  // A proxy may have received the request without TLS.
  t.equal(check('http', { protocol: 'https', forwarded: 'http' }), true)
  for (const name of ['forwarded', 'via', 'x-forwarded-for']) {
    t.equal(check('http', { protocol: 'https', proxy: { [name]: 'proxy' } }), true, name)
  }
  t.equal(check('http', { protocol: 'https', ips: ['1'], forwarded: 'https' }), false)
  t.equal(check('http', { protocol: 'https', ips: ['1'], proxy: { via: 'proxy' } }), true)
  // Without TLS of our own, or a proxy that reports it, both may be right.
  t.equal(check('http', {}), true)
  t.equal(check('https', {}), true)
  t.equal(check('https', { forwarded: 'http' }), true)
  t.equal(check('https', { ips: ['1'] }), true)
  t.equal(check('https', { ips: ['1'], forwarded: 'http' }), false)
  t.equal(check('http', { ips: ['1'], forwarded: 'https, http' }), true)
  t.equal(check('https', { ips: ['1'], forwarded: 'https, http' }), false)
  // Fastify ignores the field of a proxy that it does not trust.
  t.equal(check('https', { ips: ['1'], forwarded: 'https' }), true)
  t.equal(check('http', { ips: ['1'], protocol: 'ws', forwarded: 'ws' }), true)
  t.equal(check('https', { ips: ['1'], protocol: 'ws', forwarded: 'ws' }), false)
  t.equal(check('https', { ips: ['1'], protocol: 'constructor', forwarded: 'constructor' }), true)
})

void t.test('the error names the origin, and each thing that it was compared with once', async (t) => {
  const message = async (option: Parameters<typeof createOriginCheck>[0], parts: Parts = {}): Promise<string> => {
    const request = createRequest({ origin: 'https://evil.example', host: 'a.example', ...parts })
    return (await createOriginCheck(option)!(request))!.message
  }
  t.match(await message('same'), 'from origin "https://evil.example" refused: it was compared with the host "a.example". ')
  t.match(await message('same', { protocol: 'https' }), 'compared with "https://a.example". ')
  t.match(await message('https://b.example'), 'compared with the origins of the option. ')
  t.match(await message([/^$/, 'same', 'https://b.example']), 'compared with the origins of the option and the host "a.example". ')
  t.match(await message(() => false), 'refused: the function of the option did not allow it. ')
  t.match(await message(() => true, { origin: 'a b' }), 'from origin "a b" refused: it is malformed. ')
})

void t.test('without the option there is no check, and without an Origin no comparison', async (t) => {
  t.equal(createOriginCheck(false), undefined)
  const check = createOriginCheck(() => t.fail('the function was called'))!
  t.equal(check(createRequest({})), undefined)
})
