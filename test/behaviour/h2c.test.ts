import { H2C } from '../helpers/transports.ts'
import { testBehaviour } from './index.ts'

testBehaviour(H2C)
