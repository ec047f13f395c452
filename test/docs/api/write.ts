/** Writes docs/api.md: `npm run docs:api`. */
import { writeFileSync } from 'node:fs'
import { ROOT } from '../pages.ts'
import { renderApi } from './page.ts'

writeFileSync(new URL('docs/api.md', ROOT), renderApi())
