import assert from 'node:assert/strict'
import type { FastifyRequest } from 'fastify'
import fc from 'fast-check'
import { createOriginCheck } from '../../lib/handshake/origin.ts'
import { testProperty } from './property.ts'

const RUNS = 3000

const check = createOriginCheck('same')!

function isAllowed (origin: string, host: string, protocol = 'http'): boolean {
  const request = { headers: { origin }, host, protocol } as unknown as FastifyRequest
  return check(request) === undefined
}

const scheme = fc.constantFrom('http', 'https')
const authority = fc.oneof(
  fc.webAuthority({ withPort: true, withIPv4: true, withIPv6: true, withIPv4Extended: true }),
  fc.tuple(fc.constantFrom('a.example', 'A.example', 'b.example', '[::1]'), fc.constantFrom('', ':80', ':443', ':8080')).map((parts) => parts.join(''))
)
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab.:/@\\?#[]%0 ,\t') }),
  fc.tuple(scheme, fc.string({ unit: fc.constantFrom(...'ab.:@\\%0,') })).map(([name, rest]) => `${name}://${rest}`),
  fc.string({ unit: 'binary' })
)

await testProperty('"same" allows an origin if and only if a browser takes it for that of the host', { runs: RUNS },
  fc.record({ scheme, authority, other: authority, otherScheme: scheme }),
  ({ scheme, authority, other, otherScheme }) => {
    const page = new URL(`${scheme}://${authority}`)
    assert.equal(isAllowed(page.origin, authority), true)
    assert.equal(isAllowed(page.origin, other), new URL(`${scheme}://${other}`).origin === page.origin)
    assert.equal(isAllowed(page.origin, other, 'https'), new URL(`https://${other}`).origin === page.origin)
    assert.equal(isAllowed(new URL(`${otherScheme}://${authority}`).origin, authority, 'https'), otherScheme === 'https')
  })

await testProperty('"same" refuses whatever is not an origin, and never throws', { runs: RUNS },
  fc.record({ origin: text, host: fc.oneof(text, authority) }),
  ({ origin, host }) => {
    if (!isAllowed(origin, host)) return
    const page = new URL(origin)
    assert.match(page.protocol, /^https?:$/)
    assert.equal([page.username, page.password, page.search, page.hash].join(''), '')
    assert.equal(page.pathname, '/')
    assert.equal(new URL(`${page.protocol}//${host}`).host, page.host)
  })
