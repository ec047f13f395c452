const WITHOUT_TLS = /^\s*# Without TLS:/
const WITH_TLS = /^\s*# With TLS:/
const COMMENT = /^\s*#/

/** Returns the example configuration of a proxy with other ports and, if requested, TLS to the app and an idle timeout. */
export function configure (example, { tls, ports, idleTimeout, idleTimeoutSetting }) {
  const lines = example.split('\n')
  const text = (tls ? enableTls(lines) : lines).join('\n')
  return replaceIdleTimeout(replacePorts(text, ports), idleTimeout, idleTimeoutSetting)
}

/** Removes the lines after "Without TLS:", and uncomments the lines after "With TLS:". */
function enableTls (lines) {
  const result = []
  let section
  for (const line of lines) {
    const isComment = COMMENT.test(line)
    if (WITHOUT_TLS.test(line)) section = 'without TLS'
    else if (WITH_TLS.test(line)) section = 'with TLS'
    else if (section === 'without TLS' && !isComment && line.trim() !== '') continue
    else if (section === 'with TLS' && isComment) {
      result.push(line.replace(/# ?/, ''))
      continue
    } else section = undefined
    result.push(line)
  }
  return result
}

/** Replaces all ports in one pass: a new port may equal one that the example names. */
function replacePorts (text, { cleartext, tls, apps }) {
  const ports = { 8080: cleartext, 8443: tls, 3000: apps[0], 3001: apps[1] }
  return text.replace(/\b(8080|8443|3000|3001)\b/g, (port) => ports[port])
}

function replaceIdleTimeout (text, ms, setting) {
  if (ms === undefined) return text
  if (setting === undefined) throw new Error('This proxy has no idle timeout: omit `idleTimeout`')
  if (!setting.pattern.test(text)) throw new Error(`${setting.pattern} matches no idle timeout in the example: correct one of them`)
  return text.replaceAll(setting.pattern, setting.write(ms))
}
