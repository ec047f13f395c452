import t from 'tap'
import { Subscription } from '../../../lib/relay/subscription.ts'

void t.test('a subscription has work while its wanted state is not its actual state', async (t) => {
  const subscription = new Subscription('a/b')
  t.match(subscription, { topic: 'a/b', name: 'a%002fb', relayTopic: 'fastify-websocket-h2.topic-a%002fb' })
  t.notOk(subscription.hasWork)
  subscription.isWanted = true
  t.ok(subscription.hasWork, 'it is wanted and not active')
  subscription.listener = () => {}
  t.ok(subscription.hasWork, 'the relay has a listener that may be inactive')
  subscription.isActive = true
  t.notOk(subscription.hasWork)
  subscription.isWanted = false
  t.ok(subscription.hasWork, 'the relay has a listener that is not wanted')
})
