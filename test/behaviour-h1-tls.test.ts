import { behaveWithConsumers } from './behaviour-consumers.ts'
import { behaveAlive } from './behaviour-heartbeat.ts'
import { behaveInHandshakes } from './behaviour-handshake.ts'
import { behaveInjected } from './behaviour-inject.ts'
import { behaveByMessage } from './behaviour-messages.ts'
import { behaveByRoute } from './behaviour-routes.ts'
import { behaveUnderPressure } from './behaviour-socket.ts'
import { behave } from './behaviour.ts'
import { H1_TLS } from './helpers/transports.ts'

behave(H1_TLS)
behaveInHandshakes(H1_TLS)
behaveByMessage(H1_TLS)
behaveByRoute(H1_TLS)
behaveUnderPressure(H1_TLS)
behaveWithConsumers(H1_TLS)
behaveInjected(H1_TLS)
behaveAlive(H1_TLS)
