import { H2_TLS } from '../helpers/transports.ts'
import { testBehaviour } from './index.ts'

testBehaviour(H2_TLS)
