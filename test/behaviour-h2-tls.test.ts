import { behaveUnderPressure } from './behaviour-socket.ts'
import { behave } from './behaviour.ts'
import { H2_TLS } from './helpers/transports.ts'

behave(H2_TLS)
behaveUnderPressure(H2_TLS)
