import { behaveWithConsumers } from './consumers.ts'
import { behaveAlive } from './heartbeat.ts'
import { behaveInHandshakes } from './handshake.ts'
import { behaveInjected } from './inject.ts'
import { behaveByMessage } from './messages.ts'
import { behaveByRoute } from './routes.ts'
import { behaveUnderPressure } from './socket.ts'
import { behave } from './index.ts'
import { H1 } from '../helpers/transports.ts'

behave(H1)
behaveInHandshakes(H1)
behaveByMessage(H1)
behaveByRoute(H1)
behaveUnderPressure(H1)
behaveWithConsumers(H1)
behaveInjected(H1)
behaveAlive(H1)
