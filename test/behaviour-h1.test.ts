import { behaveUnderPressure } from './behaviour-socket.ts'
import { behave } from './behaviour.ts'
import { H1 } from './helpers/transports.ts'

behave(H1)
behaveUnderPressure(H1)
