import { behaveWithConsumers } from './consumers.ts'
import { behaveAlive } from './heartbeat.ts'
import { behaveInHandshakes } from './handshake.ts'
import { behaveInjected } from './inject.ts'
import { behaveByMessage } from './messages.ts'
import { behaveByRoute } from './routes.ts'
import { behaveUnderPressure } from './socket.ts'
import { behave } from './index.ts'
import { H1_BESIDE_H2 } from '../helpers/transports.ts'

behave(H1_BESIDE_H2)
behaveInHandshakes(H1_BESIDE_H2)
behaveByMessage(H1_BESIDE_H2)
behaveByRoute(H1_BESIDE_H2)
behaveUnderPressure(H1_BESIDE_H2)
behaveWithConsumers(H1_BESIDE_H2)
behaveInjected(H1_BESIDE_H2)
behaveAlive(H1_BESIDE_H2)
