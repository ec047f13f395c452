import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { UsageError, readArguments } from '../../../lib/cli/arguments.ts'
import type { Command } from '../../../lib/cli/arguments.ts'

type Probe = Extract<Command, { name: 'probe' }>

const URL_ARGUMENT = 'wss://example.com/echo?x=1'

function read (...args: string[]): Probe {
  return readArguments(['probe', ...args]) as Probe
}

void t.test('a URL alone has the defaults', async (t) => {
  const { json, request: { url, headers, ...request } } = read(URL_ARGUMENT)
  t.equal(json, false)
  t.equal(url.href, URL_ARGUMENT)
  t.same({ ...headers }, {})
  t.same(request, {
    http: undefined,
    origin: undefined,
    protocols: [],
    send: undefined,
    insecure: false,
    ca: undefined,
    timeout: 10_000
  })
})

void t.test('each option has its effect', async (t) => {
  const { json, request } = read(
    '--json', '--insecure', '--http', '2', '--origin', 'https://a.example', '--send=hello world', '--timeout', '500',
    '--protocol', 'v2', '--protocol', 'v1', '--header', 'Cookie: a=1; b=2', '--header', 'x-empty:', URL_ARGUMENT,
    '--header', 'X-Two:1', '--header', 'x-two: 2'
  )
  t.equal(json, true)
  t.match(request, {
    http: '2',
    origin: 'https://a.example',
    send: 'hello world',
    timeout: 500,
    insecure: true,
    protocols: ['v2', 'v1']
  })
  t.same({ ...request.headers }, { cookie: 'a=1; b=2', 'x-empty': '', 'x-two': ['1', '2'] })
})

void t.test('--ca reads a file of certificates', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'probe-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const [pem, other] = ['ca.pem', 'other.txt'].map((name) => join(folder, name)) as [string, string]
  await writeFile(pem, '-----BEGIN CERTIFICATE-----\n')
  await writeFile(other, 'nothing')
  t.equal(String(read('--ca', pem, URL_ARGUMENT).request.ca), '-----BEGIN CERTIFICATE-----\n')
  t.throws(() => read('--ca', other, URL_ARGUMENT), /--ca must be a file with certificates in PEM/)
  t.throws(() => read('--ca', join(folder, 'absent'), URL_ARGUMENT), /--ca: ENOENT/)
})

void t.test('https: and http: are those of the same server', async (t) => {
  t.equal(read('https://example.com/').request.url.href, 'wss://example.com/')
  t.equal(read('http://example.com/').request.url.href, 'ws://example.com/')
})

void t.test('a user and password of the URL are sent, not printed', async (t) => {
  const { url, headers } = read('wss://user:p%40ss%zz@example.com/').request
  t.equal(url.href, 'wss://example.com/')
  t.same({ ...headers }, { authorization: `Basic ${Buffer.from('user:p@ss%zz').toString('base64')}` })
})

void t.test('--help and --version need nothing else', async (t) => {
  t.same(readArguments(['--help']), { name: 'help' })
  t.same(readArguments(['-h']), { name: 'help' })
  t.same(readArguments(['probe', '--help']), { name: 'help' })
  t.same(readArguments(['--version']), { name: 'version' })
})

const INVALID: Array<[string[], string]> = [
  [[], 'the command is missing'],
  [['prob', URL_ARGUMENT], 'unknown command "prob": did you mean "probe"?'],
  [['serve'], 'unknown command "serve"'],
  [[URL_ARGUMENT], `the command is missing: npx fastify-websocket-h2 probe ${URL_ARGUMENT}`],
  [['probe'], 'the URL is missing'],
  [['probe', 'example.com'], 'the URL must begin with "wss://" or "ws://", got "example.com"'],
  [['probe', 'ftp://example.com'], 'the URL must begin with "wss://" or "ws://", got "ftp://example.com"'],
  [['probe', 'wss://example.com/#a'], 'the URL of a WebSocket has no fragment ("#a")'],
  [['probe', URL_ARGUMENT, 'more'], 'one URL at a time, got also "more": quote arguments with spaces'],
  [['probe', '--jsn', URL_ARGUMENT], 'unknown option "--jsn": did you mean "--json"?'],
  [['probe', '--origins=x', URL_ARGUMENT], 'unknown option "--origins": did you mean "--origin"?'],
  [['probe', '-k', URL_ARGUMENT], 'unknown option "-k"'],
  [['probe', URL_ARGUMENT, '--timeout'], "Option '--timeout <value>' argument missing"],
  [['probe', '--http', '3', URL_ARGUMENT], '--http must be 1.1 or 2, got "3"'],
  [['probe', '--timeout', '0', URL_ARGUMENT], '--timeout must be a number of milliseconds, got "0"'],
  [['probe', '--timeout', '1e3', URL_ARGUMENT], '--timeout must be a number of milliseconds, got "1e3"'],
  [['probe', '--timeout', '9999999999', URL_ARGUMENT], '--timeout must be a number of milliseconds, got "9999999999"'],
  [['probe', '--header', 'x', URL_ARGUMENT], '--header must be "NAME: VALUE", got "x"'],
  [['probe', '--header', ': x', URL_ARGUMENT], '--header must be "NAME: VALUE", got ": x"'],
  [['probe', '--header', 'a b: c', URL_ARGUMENT],
    '--header: "a b: c" has a character that HTTP does not allow in a header field'],
  [['probe', '--origin', 'a\r\nb: c', URL_ARGUMENT],
    '--origin: "origin: a\r\nb: c" has a character that HTTP does not allow in a header field'],
  [['probe', '--protocol', 'a,b', URL_ARGUMENT], '--protocol must be a name without spaces and separators, got "a,b"'],
  [['probe', '--protocol', 'a', '--protocol', 'a', URL_ARGUMENT], '--protocol "a" is there twice']
]

for (const [args, message] of INVALID) {
  void t.test(`invalid arguments: ${JSON.stringify(args)}`, async (t) => {
    t.throws(() => readArguments(args), new UsageError(message))
  })
}

void t.test('the error of an ambiguous value is one line', async (t) => {
  t.throws(() => read(URL_ARGUMENT, '--send', '--json'), /^Option '--send.*' argument is ambiguous\. Did you forget/)
})
