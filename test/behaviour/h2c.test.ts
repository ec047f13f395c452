import { behaveWithConsumers } from './consumers.ts'
import { behaveAlive } from './heartbeat.ts'
import { behaveInHandshakes } from './handshake.ts'
import { behaveInjected } from './inject.ts'
import { behaveByMessage } from './messages.ts'
import { behaveByRoute } from './routes.ts'
import { behaveUnderPressure } from './socket.ts'
import { behave } from './index.ts'
import { H2C } from '../helpers/transports.ts'

behave(H2C)
behaveInHandshakes(H2C)
behaveByMessage(H2C)
behaveByRoute(H2C)
behaveUnderPressure(H2C)
behaveWithConsumers(H2C)
behaveInjected(H2C)
behaveAlive(H2C)
