import { existsSync, statSync } from 'node:fs'
import t from 'tap'
import { ROOT, list, read, readPage } from './pages.ts'

interface Rule {
  words: RegExp
  /** Why these words are not used here, and what is written in their place. */
  reason: string
  /** A sentence that breaks the rule. */
  example: string
}

/** Files, and folders with their subfolders, whose prose is checked. */
const PLACES = [
  'README.md', 'docs', 'examples', 'CHANGELOG.md', 'CONTRIBUTING.md', 'H2-DESIGN.md', 'SECURITY.md', 'index.ts', 'lib',
  'types', 'test'
]

const RULES: Rule[] = [
  {
    words: /\bplay(?:s|ed|ing)? (?:a|the|its) (?:socket|connection)\b/i,
    reason: 'an HTTP/2 stream carries a WebSocket, or acts as the socket that ws expects',
    example: 'a stream that plays a socket'
  },
  {
    words: /\b(?:tells|be(?:en)? told)\b(?! (?:a|an|its|the) (?:browser|client|proxy|server|user)s?\b)/i,
    reason: 'events are emitted, errors are reported, functions return: only a client, or a reader, is told something',
    example: '`\'close\'` tells the code'
  },
  {
    words: /\b(?:has|have|is|are) gone\b/i,
    reason: 'say which: disconnected, unresponsive, closed, sent, or freed',
    example: 'a client that has gone'
  },
  {
    words: /\bwithout a word\b/i,
    reason: 'a peer that sends nothing, not even an answer to a ping, is unresponsive',
    example: 'a client that left without a word'
  },
  {
    words: /\bfor ?ever\b/i,
    reason: 'it is indefinitely, or until something that can be named',
    example: 'a hook that waits for ever'
  },
  {
    words: /\b(?:has|have) no say\b/i,
    reason: 'an option, or a value, is ignored',
    example: 'the option has no say over HTTP/2'
  },
  {
    words: /\b(?:held|hold|holds|holding) (?:\w+ )?against\b/i,
    reason: 'values are checked against what they must be: to hold something against somebody is to blame him',
    example: 'options are held against what they must be'
  },
  {
    words: /\b(?:read|taken|consumed) at once\b/i,
    reason: 'it can be taken for "all in one read": data is consumed immediately',
    example: 'what arrives is read at once'
  },
  {
    words: /\b(?:go|goes|went|going) on\b/i,
    reason: 'something continues: to go on is colloquial, and also means to happen',
    example: 'the socket goes on over HTTP/1.1'
  },
  {
    words: /\bbesides\b/i,
    reason: 'it is "in addition to" or "except for", and means either: write the one that is meant',
    example: 'what a socket has besides ws\'s'
  },
  {
    words: /(?<!\bthere )\b(?:is|are) none\b/i,
    reason: 'say what is wrong: invalid, unknown, or absent',
    example: 'a handshake that is none'
  },
  {
    words: /\bwish(?:es)?\b/i,
    reason: 'a client requests something',
    example: 'a client\'s wish for a WebSocket'
  },
  {
    words: /\bwhat (?:it|he|they|one) (?:leaves?|left) out\b/i,
    reason: 'it is an option, or a value, that is omitted',
    example: 'what it leaves out is as the plugin was registered with'
  },
  {
    words: /\bgets\b/,
    reason: 'a peer receives a frame, a function is called with a value, a state becomes another one',
    example: 'the handler gets a socket'
  },
  {
    words: /\bbr(?:ings?|ought)\b/i,
    reason: 'a stream receives data, a peer sends it, a command installs something',
    example: 'what one stream brings'
  }
]

const COMMENT = /\/\*[^]*?\*\/|(?<=^|\s)\/\/.*$/gm
const TITLE = /\b(?:describe|scenario|sentence|test)\(\s*(['"`])((?:(?!\1).)+)\1/g
const INLINE_CODE = /`[^`\n]*`/g

for (const place of PLACES) {
  if (!existsSync(new URL(place, ROOT))) continue
  void t.test(`${place} is written in plain English`, async (t) => {
    for (const path of filesOf(place)) {
      const prose = proseOf(path)
      for (const { words, reason } of RULES) {
        const found = prose.find((line) => words.test(line))
        t.equal(found, undefined, `${path}: "${found?.match(words)?.[0]}": ${reason}`)
      }
    }
  })
}

void t.test('each rule finds what it is for', async (t) => {
  for (const { words, example } of RULES) t.match(example, words)
})

void t.test('what is read is prose, not code', async (t) => {
  t.same(proseOf('test/docs/prose.test.ts').filter((line) => /\bwish\b/.test(line)), [])
  t.ok(proseOf('test/docs/prose.test.ts').includes('what is read is prose, not code'))
  t.ok(proseOf('README.md').length > 0)
})

function filesOf (place: string): string[] {
  if (!statSync(new URL(place, ROOT)).isDirectory()) return [place]
  return ['.md', '.ts', '.js'].flatMap((extension) => list(place, extension))
}

/** The sentences of a page, or the comments and the titles of tests in a file of code, without code in backticks. */
function proseOf (path: string): string[] {
  if (path.endsWith('.md')) return readPage(path).prose.split(/\n\s*\n|\|/).map(unwrap)
  const text = read(path)
  const comments = [...text.matchAll(COMMENT)].map(([comment]) => comment.replace(/^\s*(?:\/?\*+\/?|\/\/)/gm, ' '))
  const titles = path.startsWith('test/') ? [...text.matchAll(TITLE)].map(([, , title]) => title!) : []
  return [...comments, ...titles].map((line) => unwrap(line.replace(INLINE_CODE, ' ')))
}

/** A phrase may be broken by the end of a line. */
function unwrap (text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
