/** A name with more mistakes is another name. */
const MAX_MISTAKES = 2

/**
 * Returns the words that suggest a name in place of an unknown one; none where no name is close to it.
 *
 * @param formatName returns a name as the user knows it
 */
export function didYouMean (
  unknown: string, names: string[], formatName: (name: string) => string = (name) => name
): string {
  const closest = findClosest(unknown, names)
  return closest === undefined ? '' : `: did you mean "${formatName(closest)}"?`
}

/** Returns the name that differs least from a misspelt one, and in less than half of its characters. */
function findClosest (misspelt: string, names: string[]): string | undefined {
  const [closest] = names
    .map((name) => ({ name, mistakes: editDistance(misspelt.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, mistakes }) => mistakes <= MAX_MISTAKES && mistakes < name.length / 2)
    .sort((one, other) => one.mistakes - other.mistakes)
  return closest?.name
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
