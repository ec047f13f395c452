import { behaveWithConsumers } from './behaviour-consumers.ts'
import { behaveAlive } from './behaviour-heartbeat.ts'
import { behaveInHandshakes } from './behaviour-handshake.ts'
import { behaveInjected } from './behaviour-inject.ts'
import { behaveByMessage } from './behaviour-messages.ts'
import { behaveByRoute } from './behaviour-routes.ts'
import { behaveUnderPressure } from './behaviour-socket.ts'
import { behave } from './behaviour.ts'
import { H1_BESIDE_H2 } from './helpers/transports.ts'

behave(H1_BESIDE_H2)
behaveInHandshakes(H1_BESIDE_H2)
behaveByMessage(H1_BESIDE_H2)
behaveByRoute(H1_BESIDE_H2)
behaveUnderPressure(H1_BESIDE_H2)
behaveWithConsumers(H1_BESIDE_H2)
behaveInjected(H1_BESIDE_H2)
behaveAlive(H1_BESIDE_H2)
