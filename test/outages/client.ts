/**
 * A client process that has to exit by itself. It connects to the URL of its first argument with the options in its
 * second one, and ends the socket when the event of its third argument is emitted.
 */
import { connect } from '../../lib/client/index.ts'

const [url, options = '{}', event = 'open'] = process.argv.slice(2)
const socket = connect(url!, { rejectUnauthorized: false, reconnect: true, ...JSON.parse(options) })
socket.once(event as 'open', () => { socket.close(1000) })
socket.once('close', () => process.send!('closed'))
