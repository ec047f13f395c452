declare module 'hpack.js' {
  interface Decompressor {
    write (block: Buffer): boolean
    execute (): void
    read (): { name: string, value: string } | null
  }

  const hpack: { decompressor: { create (options: { table: { maxSize: number } }): Decompressor } }
  export default hpack
}
