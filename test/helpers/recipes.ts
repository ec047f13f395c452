/** Runs the programs of examples/recipes in the process of a test, on any transport. */
import './package-source.js'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { captureLogs } from './logs.ts'
import { serve } from './transports.ts'
import type { Fixture, Transport } from './transports.ts'

/** A module of examples/recipes. */
export interface Recipe {
  /** Returns the app, with its routes. It does not listen. */
  build (options: object, settings?: object): Promise<FastifyInstance>
}

/** Imports a program. It does not start its server. */
export async function importRecipe (name: string): Promise<Recipe> {
  // A variable path: the examples are JavaScript without types.
  return await import(String(new URL(`../../examples/recipes/${name}.js`, import.meta.url)))
}

/** Starts the server of a program for one test. `settings` is the second argument of its `build()`. */
export async function startRecipe (
  t: Test, name: string, transport: Transport, settings?: object
): Promise<Fixture> {
  const { build } = await importRecipe(name)
  const { logger, logs } = captureLogs('info')
  return await serve(t, transport, await build({ logger, ...transport.server }, settings), logs)
}
