/** The program examples/recipes/upload.js. */
import { randomBytes } from 'node:crypto'
import { open, readFile, readdir } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { TRANSPORTS } from '../helpers/beside.ts'
import { referencedBytes } from '../helpers/memory.ts'
import { startRecipe } from '../helpers/recipes.ts'
import { MIB } from '../helpers/sizes.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { closed, nextText, waitUntil } from '../helpers/waiting.ts'

interface Upload extends Fixture {
  directory: string
  /** The disk that the server writes to. */
  disk: Disk
}

interface Disk {
  /** Called before each write. */
  beforeWrite: (bytes: Buffer) => Promise<void>
}

for (const transport of TRANSPORTS) {
  void t.test(`${transport.name}: a file that is uploaded in messages of any size is written as it is`, async (t) => {
    const { open, directory } = await startUpload(t, transport)
    const content = randomBytes(3 * MIB)
    const socket = await open('/files/photo.jpg')
    for (let start = 0, size = 1; start < content.length; start += size, size = Math.min(size * 3, MIB)) {
      socket.send(content.subarray(start, start + size))
    }
    const end = closed(socket)
    socket.send('end')
    t.same(JSON.parse(await nextText(socket)), { size: content.length })
    t.equal((await end).code, 1000)
    t.same(await readdir(directory), ['photo.jpg'])
    t.ok(content.equals(await readFile(join(directory, 'photo.jpg'))))
  })

  void t.test(`${transport.name}: an upload waits for a slow disk, and memory stays bounded`, async (t) => {
    const { app, open, directory, disk } = await startUpload(t, transport)
    let proceed = (): void => {}
    const waiting = new Promise<void>((resolve) => { proceed = resolve })
    let written = 0
    disk.beforeWrite = async ({ length }) => {
      written += length
      await waiting
    }
    const socket = await open('/files/large')
    const before = await referencedBytes()
    const message = Buffer.alloc(MIB, 'l')
    for (let sent = 0; sent < 96; sent++) socket.send(message)
    const [server] = app.websocketServer.clients
    await waitUntil(() => server!.isPaused)
    // All is in this process: what the client has not sent yet is in memory, too.
    const serverBytes = await referencedBytes() - before - socket.bufferedAmount
    t.equal(written, MIB, 'the disk has one message')
    t.ok(serverBytes < 48 * MIB, `the server has ${Math.round(serverBytes / MIB)} MiB of 96 MiB in memory`)
    t.ok(socket.bufferedAmount > 48 * MIB, 'the client still has most of the file')

    const other = await open('/files/other')
    other.close()
    await closed(other)

    socket.send('end')
    proceed()
    t.same(JSON.parse(await nextText(socket)), { size: 96 * MIB })
    t.equal(written, 96 * MIB)
    t.same(await readdir(directory), ['large'])
  })

  void t.test(`${transport.name}: the partial file of an aborted upload is removed`, async (t) => {
    const { open, directory, disk } = await startUpload(t, transport)
    const writing = new Promise<void>((resolve) => { disk.beforeWrite = async () => resolve() })
    const socket = await open('/files/aborted')
    socket.send(Buffer.alloc(1000))
    await writing
    t.match(await readdir(directory), [/\.partial$/])
    socket.terminate()
    await untilEmpty(directory)
  })

  void t.test(`${transport.name}: a file over the limit, or a message over maxPayload, is answered with 1009 and removed`, async (t) => {
    const { open, directory } = await startUpload(t, transport, 2 * MIB)
    const file = await open('/files/large')
    for (let sent = 0; sent < 3; sent++) file.send(Buffer.alloc(MIB))
    t.same(await closed(file), { code: 1009, reason: `a file has at most ${2 * MIB} bytes` })
    const message = await open('/files/large')
    message.send(Buffer.alloc(MIB + 1))
    t.equal((await closed(message)).code, 1009)
    await untilEmpty(directory)

    const exact = await open('/files/exact')
    for (let sent = 0; sent < 2; sent++) exact.send(Buffer.alloc(MIB))
    exact.send('end')
    t.same(JSON.parse(await nextText(exact)), { size: 2 * MIB })
  })

  void t.test(`${transport.name}: text closes an upload with 1003, and a full disk with 1011`, async (t) => {
    const { open, directory, disk, logs } = await startUpload(t, transport)
    const text = await open('/files/text')
    text.send('neither binary nor the end')
    t.equal((await closed(text)).code, 1003)

    disk.beforeWrite = async () => { throw Object.assign(new Error('no space left'), { code: 'ENOSPC' }) }
    const full = await open('/files/full')
    full.send(Buffer.alloc(1))
    t.equal((await closed(full)).code, 1011)
    t.match(logs.filter(({ err }) => err !== undefined), [{ err: { code: 'ENOSPC' } }])
    await untilEmpty(directory)
  })

  void t.test(`${transport.name}: a name that could leave the directory is refused with 400`, async (t) => {
    const { refused, directory } = await startUpload(t, transport)
    for (const name of ['..%2Fx', '..', '.x', 'x..y', 'X', `${'x'.repeat(51)}`, 'x%00', 'x%0A']) {
      t.ok([400, 404].includes((await refused(`/files/${name}`)).status), name)
    }
    t.same(await readdir(directory), [])
  })
}

async function startUpload (t: Test, transport: Transport, limit?: number): Promise<Upload> {
  const directory = t.testdir()
  const disk: Disk = { beforeWrite: async () => {} }
  const prototype = await prototypeOfFiles()
  const { appendFile } = prototype
  t.intercept(prototype, 'appendFile', {
    configurable: true,
    value: async function (this: FileHandle, bytes: Buffer) {
      await disk.beforeWrite(bytes)
      await Reflect.apply(appendFile, this, [bytes])
    }
  })
  const fixture = await startRecipe(t, 'upload', transport, { directory, limit })
  return Object.assign(Object.create(fixture) as Fixture, { directory, disk })
}

async function prototypeOfFiles (): Promise<FileHandle> {
  const file = await open(import.meta.filename, 'r')
  await file.close()
  return Object.getPrototypeOf(file)
}

async function untilEmpty (directory: string): Promise<void> {
  let names: string[]
  do names = await readdir(directory); while (names.length > 0)
}
