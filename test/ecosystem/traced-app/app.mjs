import fastify from 'fastify'
import serve from './serve.cjs'

const [entry, options] = process.argv.slice(2)
const { default: plugin } = await import(entry)

await serve(fastify, plugin, JSON.parse(options))
