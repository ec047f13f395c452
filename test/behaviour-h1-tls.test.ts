import { behave } from './behaviour.ts'
import { H1_TLS } from './helpers/transports.ts'

behave(H1_TLS)
