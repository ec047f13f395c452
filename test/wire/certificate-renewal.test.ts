import type { Http2SecureServer } from 'node:http2'
import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { createCertificate } from '../helpers/certificate.js'
import { addEcho } from '../helpers/echo.ts'
import { H1_BESIDE_H2, H2_TLS, start } from '../helpers/transports.ts'
import { nextText } from '../helpers/waiting.ts'

for (const transport of [H2_TLS, H1_BESIDE_H2]) {
  void t.test(`${transport.name}: setSecureContext() renews the certificate, and open sockets stay open`, async (t) => {
    const { app, open, origin } = await start(t, transport, addEcho)
    const socket = await open('/echo')
    const [renewed, other] = [await createCertificate('renewed.example'), await createCertificate('other.example')]
    const server = app.server as unknown as Http2SecureServer
    t.not(await readName(origin), 'DNS:renewed.example')

    server.setSecureContext(renewed)
    t.equal(await readName(origin), 'DNS:renewed.example', 'new connections receive the new certificate')
    t.throws(() => server.setSecureContext({ ...renewed, key: other.key }), /mismatch/)
    t.equal(await readName(origin), 'DNS:renewed.example', 'a key of another certificate changes nothing')
    socket.send('still open')
    t.equal(await nextText(socket), 'still open')
  })
}

/** Returns the alternative name in the certificate of a server. */
async function readName (origin: string): Promise<string | undefined> {
  const socket = connectTls({ port: Number(new URL(origin).port), rejectUnauthorized: false, ALPNProtocols: ['h2'] })
  await once(socket, 'secureConnect')
  const { subjectaltname } = socket.getPeerCertificate()
  socket.destroy()
  return subjectaltname
}
