/** Data of a message, of any type that ws emits or sends. */
type MessageData = string | number | Blob | { byteLength: number } | ReadonlyArray<Buffer | number>

/** Counts the bytes of a message. */
export function countBytes (data: MessageData): number {
  if (typeof data === 'string') return Buffer.byteLength(data)
  if (typeof data === 'object' && 'byteLength' in data) return data.byteLength
  if (data instanceof Blob) return data.size
  if (Array.isArray(data) && Buffer.isBuffer(data[0])) return data.reduce((sum, { length }) => sum + length, 0)
  // ws converts a number to its digits, and everything else like this.
  return Buffer.from(typeof data === 'number' ? String(data) : data as number[]).length
}
