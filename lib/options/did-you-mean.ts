/** A name with more mistakes is another name. */
const MAX_MISTAKES = 2

/**
 * Returns the words that suggest an option in place of an unknown name; none where no name is close to it.
 *
 * @param paths names of options, with the path to those of other levels: `maxPayload`, `options.maxPayload`
 */
export function didYouMean (unknown: string, paths: readonly string[]): string {
  const closest = findClosest(unknown, paths)
  return closest === undefined ? '' : `: did you mean "${closest}"?`
}

/** Returns the path whose name differs least from a misspelt one, and in less than half of its characters. */
function findClosest (misspelt: string, paths: readonly string[]): string | undefined {
  const [closest] = paths
    .map((path) => ({ path, name: path.slice(path.lastIndexOf('.') + 1) }))
    .map(({ path, name }) => ({ path, name, mistakes: editDistance(misspelt.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, mistakes }) => mistakes <= MAX_MISTAKES && mistakes < name.length / 2)
    .sort((one, other) => one.mistakes - other.mistakes)
  return closest?.path
}

/** Counts the characters to insert, delete or replace that make one text of another (Levenshtein distance). */
function editDistance (from: string, to: string): number {
  let distances = Array.from({ length: to.length + 1 }, (_, length) => length)
  for (const [index, character] of [...from].entries()) {
    const next = [index + 1]
    for (let column = 0; column < to.length; column++) {
      const replaced = distances[column]! + (character === to[column] ? 0 : 1)
      next.push(Math.min(replaced, distances[column + 1]! + 1, next[column]! + 1))
    }
    distances = next
  }
  return distances.at(-1)!
}
