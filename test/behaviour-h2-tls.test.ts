import { behaveWithConsumers } from './behaviour-consumers.ts'
import { behaveAlive } from './behaviour-heartbeat.ts'
import { behaveInHandshakes } from './behaviour-handshake.ts'
import { behaveInjected } from './behaviour-inject.ts'
import { behaveByMessage } from './behaviour-messages.ts'
import { behaveByRoute } from './behaviour-routes.ts'
import { behaveUnderPressure } from './behaviour-socket.ts'
import { behave } from './behaviour.ts'
import { H2_TLS } from './helpers/transports.ts'

behave(H2_TLS)
behaveInHandshakes(H2_TLS)
behaveByMessage(H2_TLS)
behaveByRoute(H2_TLS)
behaveUnderPressure(H2_TLS)
behaveWithConsumers(H2_TLS)
behaveInjected(H2_TLS)
behaveAlive(H2_TLS)
