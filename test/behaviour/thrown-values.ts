import { inspect } from 'node:util'

/** Values that a function of the user may throw. Most of them throw an error themselves when they are inspected. */
export const THROWN_VALUES: Array<[name: string, create: () => unknown]> = [
  ['a revoked proxy', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }],
  ['an object that cannot be inspected', () => ({ [inspect.custom] () { throw new Error('not to be printed') } })],
  ['an error whose stack throws', () => Object.defineProperty(new Error(), 'stack', { get () { throw new Error('no stack') } })],
  ['an error with a property that throws', () => Object.defineProperty(new Error(), 'x', {
    enumerable: true, get () { throw new Error('no x') }
  })],
  ['an error whose cause is a revoked proxy', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return new Error('with a cause', { cause: proxy })
  }],
  ['an object without a prototype', () => Object.create(null)],
  ['undefined', () => undefined]
]
