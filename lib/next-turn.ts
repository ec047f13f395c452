/** Node's setImmediate, whatever becomes of the global one: a test that fakes timers means its own, and not ours. */
export const nextTurn = setImmediate
