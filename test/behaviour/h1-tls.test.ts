import { H1_TLS } from '../helpers/transports.ts'
import { testBehaviour } from './index.ts'

testBehaviour(H1_TLS)
