import { behaveWithConsumers } from './behaviour-consumers.ts'
import { behaveAlive } from './behaviour-heartbeat.ts'
import { behaveInHandshakes } from './behaviour-handshake.ts'
import { behaveInjected } from './behaviour-inject.ts'
import { behaveByMessage } from './behaviour-messages.ts'
import { behaveByRoute } from './behaviour-routes.ts'
import { behaveUnderPressure } from './behaviour-socket.ts'
import { behave } from './behaviour.ts'
import { H1 } from './helpers/transports.ts'

behave(H1)
behaveInHandshakes(H1)
behaveByMessage(H1)
behaveByRoute(H1)
behaveUnderPressure(H1)
behaveWithConsumers(H1)
behaveInjected(H1)
behaveAlive(H1)
