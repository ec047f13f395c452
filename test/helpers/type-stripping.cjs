// Preloaded into every test file. Node 20 cannot strip types: it gets a loader that keeps what it has compiled.
const { register } = require('node:module')
const { pathToFileURL } = require('node:url')

if (process.versions.node.startsWith('20.')) {
  // Otherwise tap adds its own loader, which compiles every file anew in every process.
  process.env.TAP_TYPE_STRIP_ONLY = '1'
  register('./type-stripping-hooks.js', pathToFileURL(__filename))
}
