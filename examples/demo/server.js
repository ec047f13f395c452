/**
 * A page that compares WebSocket over HTTP/2 and over HTTP/1.1. `npm start` builds the plugin and runs this.
 *
 *   PORT=8444        listens on another port
 *   HTTP1_PORT=9000  serves HTTP/1.1 on another port than the one after PORT
 *
 * It has three processes. This one serves the page, and sockets over HTTP/2. The second serves sockets over HTTP/1.1.
 * The third is in front of both: it delays their traffic, and counts it.
 */
import { readKeys } from '../shared/keys.js'
import { announce, failToListen, onInterrupt, readPort } from '../shared/listen.js'
import { servePage } from '../shared/page.js'
import { Child } from './child.js'
import { control } from './control.js'
import { createServer } from './sockets.js'

const PAGE = new URL('page/', import.meta.url)
const UPLOT = new URL('../../node_modules/uplot/dist/', import.meta.url)
const DELAY_PROXY = new URL('../../bench/delay-proxy.js', import.meta.url)

const variables = ['PORT', 'HTTP1_PORT']
const publicPorts = [readPort()]
publicPorts.push(readPort('HTTP1_PORT', publicPorts[0] && publicPorts[0] + 1))
const { key, cert } = await readKeys()

const http2 = await createServer({ http2: true, https: { allowHTTP1: true, key, cert }, nodeVersionWarning: true })
const http1 = new Child(new URL('server-process.js', import.meta.url))
const http1Target = await http1.request('listen', { https: { key, cert } })
const front = { process: undefined, ports: undefined }

await http2.register(control, {
  front,
  keys: { key, cert },
  servers: { http2: async (name, value) => http2.demo[name](value), http1: (name, value) => http1.request(name, value) }
})
await http2.register(servePage, {
  directory: PAGE,
  files: { '/uplot.js': new URL('uPlot.esm.js', UPLOT), '/uplot.css': new URL('uPlot.min.css', UPLOT) },
  connectTo: () => `wss://*:${front.ports[1]}`
})
await http2.listen({ host: '127.0.0.1', port: 0 })

const targets = [http2.server.address().port, http1Target]
front.process = new Child(DELAY_PROXY, [0, ...targets.map((target, index) => `${target}:${publicPorts[index]}`)])
const { ports, error } = await front.process.ready()
if (error) failToListen(error, error.port, 'npm start', variables[publicPorts.lastIndexOf(error.port)])
front.ports = ports
announce(ports[0])

onInterrupt(async () => {
  await Promise.all([http2.close(), http1.request('close')])
  process.exit()
})
