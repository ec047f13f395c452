import { setImmediate as turn } from 'node:timers/promises'

export type Told = Error | null | undefined

/** What callbacks were called with, each by itself: of a callback that is called once it is a list of one. */
export class Callbacks {
  readonly told: Told[][] = []

  get next (): (error?: Error | null) => void {
    const own: Told[] = []
    this.told.push(own)
    return (error) => { own.push(error) }
  }

  get areAllTold (): boolean {
    return this.told.every(({ length }) => length > 0)
  }

  /** In words: 'sent', 'not sent', 'never' or 'twice'. */
  get words (): string[] {
    return this.told.map((own) => own.length > 1 ? 'twice' : own.length === 0 ? 'never' : own[0] == null ? 'sent' : 'not sent')
  }

  /** Waits until each was called, or could have been, and until none of them would be called again. */
  async settled (limit = 2000): Promise<void> {
    const start = performance.now()
    while (!this.areAllTold && performance.now() - start < limit) await turn()
    for (let count = 0; count < 5; count++) await turn()
  }
}
