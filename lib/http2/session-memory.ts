import type { Http2Server } from 'node:http2'
import { readServerOptions } from '../internals/http2.ts'
import { LOST_LIMIT, WIDE_SLICE } from './send-budget.ts'

/** Limits of a session that decide how much memory it can need. */
export interface SessionLimits {
  maxConcurrentStreams: number
  maxHeaderListSize: number
  /** Unread bytes of all streams. */
  sessionBudget: number
}

/** Unit of `maxSessionMemory`. */
const MEGABYTE = 1e6

/**
 * Memory, in MB, for the streams of a session and the slices that they send: Node's default of `maxSessionMemory`, and
 * the data that may be lost with streams that were reset.
 */
const FOR_SLICES = 10 + toMegabytes(LOST_LIMIT)

/** Memory, in MB, that is added for wide slices at most: that of 15,600 streams. */
const MOST_FOR_WIDE_SLICES = 256

const rooms = new WeakMap<object, number>()

/** Largest limit of a header list that Node applies, in bytes. */
const LARGEST_HEADER_LIST = 2 ** 24 - 1

/** Memory, in MB, that is added for header lists at most: that of 15,600 streams with the default limit. */
const MOST_FOR_HEADERS = 256

/**
 * Raises the `maxSessionMemory` of a server to what the limits of its sessions allow, unless the user has set it.
 *
 * From Node 22 on it includes the header lists of all open streams, and a session that has reached it refuses each new
 * stream: with Node's default, a thousand sockets with 10 KB of headers each reach it. From Node 24.22.3 and 26.13.1 on
 * it includes unread data (CVE-2026-123868), and a session that has reached it is not read: a stream that nobody reads
 * would stop all others.
 *
 * @returns a warning if it is less than a session can need, else undefined
 */
export function raiseSessionMemory (server: Http2Server, limits: SessionLimits): string | undefined {
  const options = readServerOptions(server)
  const needed = computeSessionMemory(limits)
  options.maxSessionMemory ??= needed - Math.max(0, computeHeaderLists(limits) - MOST_FOR_HEADERS)
  if (options.maxSessionMemory >= needed) rooms.set(server, MEGABYTE * computeWideSlices(limits))
  return options.maxSessionMemory < needed ? describe(options.maxSessionMemory, needed, limits) : undefined
}

/** Returns the bytes of `maxSessionMemory` that are for wide slices: 0 if the user has set less than is needed. */
export function roomForWideSlices (server: object | undefined): number {
  return (server && rooms.get(server)) ?? 0
}

/** Returns the memory, in MB, that a session can need. */
export function computeSessionMemory (limits: SessionLimits): number {
  return computeHeaderLists(limits) + toMegabytes(limits.sessionBudget) + computeSending(limits)
}

function computeSending (limits: SessionLimits): number {
  return FOR_SLICES + computeWideSlices(limits)
}

function computeWideSlices ({ maxConcurrentStreams }: SessionLimits): number {
  return Math.min(MOST_FOR_WIDE_SLICES, toMegabytes(maxConcurrentStreams * WIDE_SLICE))
}

function computeHeaderLists ({ maxConcurrentStreams, maxHeaderListSize }: SessionLimits): number {
  return toMegabytes(maxConcurrentStreams * Math.min(maxHeaderListSize, LARGEST_HEADER_LIST))
}

function toMegabytes (bytes: number): number {
  return Math.ceil(bytes / MEGABYTE)
}

function describe (memory: number, needed: number, limits: SessionLimits): string {
  const { maxConcurrentStreams, maxHeaderListSize, sessionBudget } = limits
  return `HTTP/2 sessions may refuse or delay sockets: ${maxConcurrentStreams} streams (maxConcurrentStreams) with ` +
    `headers of ${maxHeaderListSize} bytes (maxHeaderListSize), ${sessionBudget} bytes of unread data ` +
    `(receiveWindow.sessionBudget) and ${computeSending(limits)} MB for data to send need ${needed} MB, and maxSessionMemory is ` +
    `${memory} MB; set "maxSessionMemory: ${needed}" in the options "http" or "https" of Fastify, or lower one of the others`
}
