import { behaveUnderPressure } from './behaviour-socket.ts'
import { behave } from './behaviour.ts'
import { H2C } from './helpers/transports.ts'

behave(H2C)
behaveUnderPressure(H2C)
