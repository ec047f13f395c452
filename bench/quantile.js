/** Returns the value below which a part of all values is: 0.5 for the median. */
export function quantile (values, part) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * part)]
}
