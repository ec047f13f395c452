/** Creates the clients of a scenario. */
import { H1Client } from './h1-client.js'
import { H2Client } from './h2-client.js'
import { PackageH1Client, PackageH2Client } from './package-client.js'

const LOAD_GENERATOR = { h1: H1Client, h2: H2Client }
const PACKAGE = { h1: PackageH1Client, h2: PackageH2Client }

/**
 * Returns clients for the transport of a variant. They connect to the port that the server has for it.
 *
 * @param variant `usesPackageClient`: use the client of the package, instead of the load generator's; other properties
 * are options of the client
 */
export function createClients (count, { transport, usesPackageClient, ...options }, ports, isSecure) {
  const { [transport]: Client } = usesPackageClient ? PACKAGE : LOAD_GENERATOR
  return Array.from({ length: count }, () => new Client(ports[transport], isSecure, options))
}
