import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { hostOf, openConnection } from '../../../lib/cli/connection.ts'
import type { ProbeRequest } from '../../../lib/cli/result.ts'
import { createCertificate, createExpiredCertificate } from '../../helpers/certificate.js'
import type { Certificate } from '../../helpers/certificate.js'
import { listen, requestFor } from '../../helpers/probe.ts'

const BOTH = ['h2' as const, 'http/1.1' as const]

void t.test('a TCP connection has an address and no facts of TLS', async (t) => {
  const port = await listen(t, createServer())
  const { socket, facts } = await openConnection(requestFor(`ws://127.0.0.1:${port}`), BOTH)
  socket.destroy()
  t.match(facts, { address: '127.0.0.1', port, tlsVersion: null, alpnProtocol: null, certificate: null })
})

void t.test('a TLS connection has its version, protocol and certificate', async (t) => {
  const certificate = await createCertificate()
  const port = await listenWith(t, certificate)
  const { socket, facts } = await openConnection(requestTo(port, { ca: Buffer.from(certificate.cert) }), BOTH)
  socket.destroy()
  t.match(facts, { tlsVersion: 'TLSv1.3', alpnProtocol: 'h2', certificate: { trusted: true, code: null, problem: null } })
})

void t.test('a certificate that is not trusted ends the connection, with its problem', async (t) => {
  const selfSigned = await createCertificate()
  const other = await createCertificate('other.example')
  const expired = await createExpiredCertificate()
  await t.rejects(connectWith(t, selfSigned, {}), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  await t.rejects(connectWith(t, other, { ca: Buffer.from(other.cert) }), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID', facts: { certificate: { problem: 'it is for other.example, not for localhost' } }
  })
  await t.rejects(connectWith(t, expired, { ca: Buffer.from(expired.cert) }), {
    code: 'CERT_HAS_EXPIRED', facts: { certificate: { problem: 'it expired on Jan  1 00:00:00 2021 GMT' } }
  })
  t.match(await connectWith(t, other, { insecure: true }), { certificate: { trusted: false } })
})

void t.test('a connection that is not made is an error of Node, or of the time limit', async (t) => {
  const silent = await listen(t, createServer())
  const closing = await listen(t, createServer((socket) => socket.end()))
  await t.rejects(openConnection(requestTo(silent, { timeout: 1 }), BOTH), { code: 'ETIMEDOUT' })
  await t.rejects(openConnection(requestTo(closing), BOTH), { code: 'ECONNRESET' })
  await t.rejects(openConnection(requestFor('ws://127.0.0.1:1'), BOTH), { code: 'ECONNREFUSED' })
})

void t.test('an IPv6 address has no brackets', async (t) => {
  t.equal(hostOf(new URL('ws://[::1]:80/')), '::1')
  t.equal(hostOf(new URL('ws://example.com/')), 'example.com')
})

function requestTo (port: number, properties: Partial<ProbeRequest> = {}): ProbeRequest {
  return requestFor(`wss://localhost:${port}`, { insecure: false, ...properties })
}

function listenWith (t: Test, certificate: Certificate): Promise<number> {
  return listen(t, createTlsServer({ ...certificate, ALPNProtocols: BOTH }))
}

async function connectWith (t: Test, certificate: Certificate, properties: Partial<ProbeRequest>): Promise<object> {
  const { socket, facts } = await openConnection(requestTo(await listenWith(t, certificate), properties), BOTH)
  socket.destroy()
  return facts
}
