/** Servers that no benchmark should accept. */

/** Returns a scenario all of whose variants have a server of this directory. */
export function replaceServers (scenario, server) {
  const variants = Object.entries(scenario.variants).map(([key, variant]) => (
    [key, { ...variant, server: `../../test/bench/servers/${server}` }]
  ))
  return { ...scenario, variants: Object.fromEntries(variants) }
}
