import { behaveWithConsumers } from './consumers.ts'
import { behaveAlive } from './heartbeat.ts'
import { behaveInHandshakes } from './handshake.ts'
import { behaveInjected } from './inject.ts'
import { behaveByMessage } from './messages.ts'
import { behaveByRoute } from './routes.ts'
import { behaveUnderPressure } from './socket.ts'
import { behave } from './index.ts'
import { H1_TLS } from '../helpers/transports.ts'

behave(H1_TLS)
behaveInHandshakes(H1_TLS)
behaveByMessage(H1_TLS)
behaveByRoute(H1_TLS)
behaveUnderPressure(H1_TLS)
behaveWithConsumers(H1_TLS)
behaveInjected(H1_TLS)
behaveAlive(H1_TLS)
