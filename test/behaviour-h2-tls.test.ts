import { behave } from './behaviour.ts'
import { H2_TLS } from './helpers/transports.ts'

behave(H2_TLS)
