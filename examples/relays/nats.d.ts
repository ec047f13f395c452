import type { NatsConnection } from '@nats-io/transport-node'
import type { RelayEmitter } from '../../index.ts'

export function createNatsRelay (connection: NatsConnection): RelayEmitter
