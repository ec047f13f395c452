/**
 * Resolves the package's own name, in the programs of examples/, to the sources: tests need no build. Import it before
 * such a program, or start it with `node --import`.
 */
import module from 'node:module'
import { resolve } from './package-source-hooks.js'

// Node 20 has no registerHooks(), and later versions deprecate register().
if (module.registerHooks !== undefined) module.registerHooks({ resolve })
else module.register('./package-source-hooks.js', import.meta.url)
