/** Returns the value of the first symbol property of an object, or of its prototypes, that has this description. */
export function readSymbol (target: object, description: string): unknown {
  for (let object: object | null = target; object !== null; object = Object.getPrototypeOf(object)) {
    const symbol = Object.getOwnPropertySymbols(object).find((each) => each.description === description)
    if (symbol !== undefined) return Reflect.get(target, symbol)
  }
  return undefined
}
