/**
 * Characters that a terminal or an editor may act upon: controls of C0 and C1, DEL, line separators, and those that
 * change the direction of text; in addition halves of a surrogate pair, which no output can encode.
 */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/gu

/** Returns a text of a server in one line that is safe to print: unsafe characters are escaped as in JSON. */
export function escapeText (text: string): string {
  return text.replace(UNSAFE, toEscape)
}

/** Returns JSON, indented, with the characters escaped that JSON itself allows and a terminal would act upon. */
export function toSafeJson (value: unknown): string {
  return JSON.stringify(value, undefined, 2).replace(/[^\n]+/g, escapeText)
}

function toEscape (character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
