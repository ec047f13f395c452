import { H1 } from '../helpers/transports.ts'
import { testBehaviour } from './index.ts'

testBehaviour(H1)
