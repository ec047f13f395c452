/** The program examples/recipes/validation.js. */
import t from 'tap'
import { TRANSPORTS } from '../helpers/beside.ts'
import { errorsIn } from '../helpers/logs.ts'
import { startRecipe } from '../helpers/recipes.ts'
import { closed, nextText, nextTexts } from '../helpers/waiting.ts'

const SAY = { type: 'say', text: 'tea' }
const MOVE = { type: 'move', x: 0, y: 999 }

/** Messages that a schema does not allow, and the error that the client receives. */
const INVALID: Array<[unknown, RegExp]> = [
  [null, /^\/type must be one of say, move$/],
  [[], /^\/type must be/],
  [{ type: 'toString' }, /^\/type must be/],
  [{ ...SAY, type: ['say'] }, /^\/type must be/],
  [{ ...SAY, type: { toString: 1 } }, /^\/type must be/],
  [{ type: 'say' }, /^must have required property 'text'$/],
  [{ ...SAY, text: '' }, /^\/text must NOT have fewer than 1 characters$/],
  [{ ...SAY, text: 'x'.repeat(101) }, /^\/text must NOT have more than 100 characters$/],
  [{ ...SAY, text: 5 }, /^\/text must be string$/],
  [{ ...SAY, text: null }, /^\/text must be string$/],
  [{ ...SAY, other: 1 }, /^must NOT have additional properties$/],
  [{ ...MOVE, x: null }, /^\/x must be integer$/],
  [{ ...MOVE, x: '0' }, /^\/x must be integer$/],
  [{ ...MOVE, x: 0.5 }, /^\/x must be integer$/],
  [{ ...MOVE, y: 1000 }, /^\/y must be <= 999$/]
]

for (const transport of TRANSPORTS) {
  void t.test(`${transport.name}: messages that match their schema are handled`, async (t) => {
    const { open } = await startRecipe(t, 'validation', transport)
    const sockets = [await open('/board'), await open('/board')]
    const texts = Promise.all(sockets.map((socket) => nextTexts(socket, 3)))
    const messages = [SAY, MOVE, { ...SAY, text: 'x'.repeat(100) }]
    for (const each of messages) sockets[0]!.send(JSON.stringify(each))
    for (const received of await texts) t.same(received.map((text) => JSON.parse(text)), messages)
  })

  void t.test(`${transport.name}: a message that violates its schema is answered with an error, and is not handled`, async (t) => {
    const { open } = await startRecipe(t, 'validation', transport)
    const other = await open('/board')
    for (const [message, error] of INVALID) {
      const socket = await open('/board')
      const texts = nextTexts(socket, 2)
      const handled = nextText(other)
      for (const each of [message, SAY]) socket.send(JSON.stringify(each))
      const [answer, last] = (await texts).map((text) => JSON.parse(text))
      t.match(answer, { type: 'error', error }, JSON.stringify(message))
      t.same(last, SAY)
      t.same(JSON.parse(await handled), SAY, 'others do not receive it')
      socket.close()
    }
  })

  void t.test(`${transport.name}: three invalid messages close the socket with 1008, and messages after it are ignored`, async (t) => {
    const { open } = await startRecipe(t, 'validation', transport)
    const socket = await open('/board')
    const other = await open('/board')
    const handled = nextText(other)
    const answers: string[] = []
    socket.on('message', (data) => answers.push(String(data)))
    for (const each of [{}, {}, {}, SAY]) socket.send(JSON.stringify(each))
    t.same(await closed(socket), { code: 1008, reason: 'too many invalid messages' })
    t.equal(answers.length, 2)
    other.send(JSON.stringify(MOVE))
    t.same(JSON.parse(await handled), MOVE)
  })

  void t.test(`${transport.name}: text that is not JSON closes the socket with 1007, and binary with 1003`, async (t) => {
    const { open, logs } = await startRecipe(t, 'validation', transport)
    const invalid: Array<[string | Buffer, number]> = [
      ['', 1007], ['{', 1007], [Buffer.from(JSON.stringify(SAY)), 1003], ['x'.repeat(4097), 1009]
    ]
    for (const [data, code] of invalid) {
      const socket = await open('/board')
      const sibling = await open('/board')
      socket.send(data)
      t.equal((await closed(socket)).code, code)
      sibling.send(JSON.stringify(SAY))
      t.same(JSON.parse(await nextText(sibling)), SAY, 'other sockets are not affected')
      sibling.close()
    }
    t.same(errorsIn(logs), [])
  })
}
