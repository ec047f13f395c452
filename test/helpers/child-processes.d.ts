import type { ChildProcess, SpawnOptions } from 'node:child_process'
import type { Interface } from 'node:readline'

export function killOnExit<Child extends ChildProcess> (child: Child): Child
export function waitForMessage (child: ChildProcess, name: string): Promise<unknown>
export function waitForLine (child: ChildProcess, name: string, lines: Interface, pattern?: RegExp): Promise<string>
export function kill (child: ChildProcess): Promise<void>
export function run (file: string, args: string[], options?: SpawnOptions): Promise<number | NodeJS.Signals>
