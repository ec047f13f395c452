import { behaveWithConsumers } from './consumers.ts'
import { behaveAlive } from './heartbeat.ts'
import { behaveInHandshakes } from './handshake.ts'
import { behaveInjected } from './inject.ts'
import { behaveByMessage } from './messages.ts'
import { behaveByRoute } from './routes.ts'
import { behaveUnderPressure } from './socket.ts'
import { behave } from './index.ts'
import { H2_TLS } from '../helpers/transports.ts'

behave(H2_TLS)
behaveInHandshakes(H2_TLS)
behaveByMessage(H2_TLS)
behaveByRoute(H2_TLS)
behaveUnderPressure(H2_TLS)
behaveWithConsumers(H2_TLS)
behaveInjected(H2_TLS)
behaveAlive(H2_TLS)
