import { behaveWithConsumers } from './behaviour-consumers.ts'
import { behaveAlive } from './behaviour-heartbeat.ts'
import { behaveInHandshakes } from './behaviour-handshake.ts'
import { behaveInjected } from './behaviour-inject.ts'
import { behaveByMessage } from './behaviour-messages.ts'
import { behaveByRoute } from './behaviour-routes.ts'
import { behaveUnderPressure } from './behaviour-socket.ts'
import { behave } from './behaviour.ts'
import { H2C } from './helpers/transports.ts'

behave(H2C)
behaveInHandshakes(H2C)
behaveByMessage(H2C)
behaveByRoute(H2C)
behaveUnderPressure(H2C)
behaveWithConsumers(H2C)
behaveInjected(H2C)
behaveAlive(H2C)
