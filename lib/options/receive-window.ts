/** Sizes of receive windows, in bytes. */
export interface ReceiveWindowSizes {
  /** What each stream of a session may send before anything of it is read, at first. */
  initial: number
  /** The same, at most. */
  max: number
  /** What all streams of a session may have sent that is not read yet. */
  sessionBudget: number
}

const DEFAULT_SIZES: ReceiveWindowSizes = Object.freeze({
  // RFC 9113 section 6.9.2: what a client counts on that has not seen our SETTINGS yet.
  initial: 65_535,
  max: 16 * 1024 * 1024,
  // A thousand sockets, each with a first window that nobody reads, and as much again that Node reads ahead.
  sessionBudget: 128 * 1024 * 1024
})

/** @param given what the user wants; a maximum below the first window is no maximum */
export function completeSizes (
  given: { [Name in keyof ReceiveWindowSizes]?: number | undefined }
): ReceiveWindowSizes {
  const {
    initial = DEFAULT_SIZES.initial,
    max = DEFAULT_SIZES.max,
    sessionBudget = DEFAULT_SIZES.sessionBudget
  } = given
  return { initial, max: Math.max(initial, max), sessionBudget }
}
