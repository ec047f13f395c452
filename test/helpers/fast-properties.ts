import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'

/** Returns whether V8 keeps the properties of an object by a hidden class, and not in a dictionary. */
export function hasFastProperties (object: object): boolean {
  setFlagsFromString('--allow-natives-syntax')
  return runInThisContext('(object) => %HasFastProperties(object)')(object)
}
