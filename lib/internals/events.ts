import { EventEmitter } from 'node:events'

/**
 * Enables `captureRejections` of an EventEmitter that exists already.
 *
 * Node documents it as an option of the constructor, and that classes may call the constructor as a function
 * (`util.inherits`). The sockets are created by ws, whose constructor passes no options on. The second call keeps the
 * listeners, which is not documented.
 */
export function enableCaptureRejections (emitter: EventEmitter): void {
  EventEmitter.call(emitter, { captureRejections: true })
}
