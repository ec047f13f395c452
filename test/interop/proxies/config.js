const IN_CLEAR = /^\s*# In clear:/
const WITH_TLS = /^\s*# With TLS:/
const COMMENT = /^\s*#/

/** The example of a proxy as it is printed, but for what has to differ from one machine to the next. */
export function configure (example, { tls, ports, idle, idleSetting }) {
  const lines = example.split('\n')
  const text = (tls ? takeTls(lines) : lines).join('\n')
  return exchangeIdle(exchangePorts(text, ports), idle, idleSetting)
}

/** Leaves out what follows "In clear:", and takes the comment marks off what follows "With TLS:". */
function takeTls (lines) {
  const taken = []
  let part
  for (const line of lines) {
    const isComment = COMMENT.test(line)
    if (IN_CLEAR.test(line)) part = 'clear'
    else if (WITH_TLS.test(line)) part = 'tls'
    else if (part === 'clear' && !isComment && line.trim() !== '') continue
    else if (part === 'tls' && isComment) {
      taken.push(line.replace(/# ?/, ''))
      continue
    } else part = undefined
    taken.push(line)
  }
  return taken
}

/** All at once: a port of this machine may be one that the example names. */
function exchangePorts (text, { clear, tls, app }) {
  const ports = { 8080: clear, 8443: tls, 3000: app }
  return text.replace(/\b(8080|8443|3000)\b/g, (port) => ports[port])
}

function exchangeIdle (text, ms, setting) {
  if (ms === undefined) return text
  if (setting === undefined) throw new Error('This proxy never closes a socket for being quiet: leave `idle` out')
  if (!setting.pattern.test(text)) throw new Error(`${setting.pattern} finds no idle timeout in the example: mend either`)
  return text.replaceAll(setting.pattern, setting.write(ms))
}
