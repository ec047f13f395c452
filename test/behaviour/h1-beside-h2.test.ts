import { H1_BESIDE_H2 } from '../helpers/transports.ts'
import { testBehaviour } from './index.ts'

testBehaviour(H1_BESIDE_H2)
