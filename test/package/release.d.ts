export function findPlaceholders (): Record<string, string[]>
export function findProblems (version: string, changelog: string, placeholders: Record<string, string[]>): string[]
