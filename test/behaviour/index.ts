import type { Transport } from '../helpers/transports.ts'
import { testBackpressure } from './backpressure.ts'
import { testBroadcast } from './broadcast.ts'
import { testClient } from './client.ts'
import { testClosing } from './closing.ts'
import { testCompression } from './compression.ts'
import { testDraining } from './draining.ts'
import { testFailures } from './failures.ts'
import { testHandshake } from './handshake.ts'
import { testHeartbeat } from './heartbeat.ts'
import { testInject } from './inject.ts'
import { testIteration } from './iteration.ts'
import { testLimits } from './limits.ts'
import { testMessages } from './messages.ts'
import { testMonitoring } from './monitoring.ts'
import { testOrigin } from './origin.ts'
import { testOtherServers } from './other-servers.ts'
import { testReading } from './reading.ts'
import { testRefusals } from './refusals.ts'
import { testRejections } from './rejections.ts'
import { testRoutes } from './routes.ts'
import { testSendCallbacks } from './send-callbacks.ts'
import { testSubscribers } from './subscribers.ts'
import { testTopicPolicies } from './topic-policies.ts'
import { testTopics } from './topics.ts'
import { testVerifyClient } from './verify-client.ts'

/** Tests the behaviour of sockets, which is the same on every transport. */
export function testBehaviour (transport: Transport): void {
  testHandshake(transport)
  testRefusals(transport)
  testOrigin(transport)
  testVerifyClient(transport)
  testLimits(transport)
  testRoutes(transport)
  testOtherServers(transport)
  testMessages(transport)
  testReading(transport)
  testIteration(transport)
  testBackpressure(transport)
  testSendCallbacks(transport)
  testCompression(transport)
  testClosing(transport)
  testDraining(transport)
  testFailures(transport)
  testRejections(transport)
  testHeartbeat(transport)
  testMonitoring(transport)
  testSubscribers(transport)
  testTopics(transport)
  testBroadcast(transport)
  testTopicPolicies(transport)
  testInject(transport)
  testClient(transport)
}
