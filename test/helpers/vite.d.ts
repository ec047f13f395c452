import type { Server } from 'node:net'
import type { ViteDevServer } from 'vite'

export function acceptedModule (text: string): string
export function reloadedModule (text: string): string

export class ViteProject {
  static create (): Promise<ViteProject>
  readonly root: string
  start (server: Server, appType: 'custom' | 'spa', path?: string): Promise<ViteDevServer>
  untilWatched (vite: ViteDevServer): Promise<void>
  write (name: string, text: string, noticed?: Promise<unknown>): Promise<void>
  remove (): Promise<void>
}
