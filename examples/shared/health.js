import { EventEmitter, once } from 'node:events'

/** Health checks of a server, at /health. Emits 'answered' with the status of each answer. */
export class Health extends EventEmitter {
  /** Status of the answers: another one than 200 lets the load balancer lead new sockets to other nodes. */
  status = 200

  /** @param app the server, or a second one on another port */
  constructor (app) {
    super()
    app.get('/health', {
      onResponse: async (_request, { statusCode }) => this.emit('answered', statusCode)
    }, (_request, reply) => {
      reply.code(this.status).send()
    })
  }

  /** Waits until a check was answered with a status, for a time in ms at most, if there is one. */
  async answered (status, timeout) {
    const signal = timeout === undefined ? undefined : AbortSignal.timeout(timeout)
    try {
      let last
      do [last] = await once(this, 'answered', { signal })
      while (last !== status)
    } catch (error) {
      if (!signal?.aborted) throw error
    }
  }
}
