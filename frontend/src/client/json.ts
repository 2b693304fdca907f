/**
 * JSON whose numbers keep every digit: rounded, an id would name another job, and a payload would say what nobody wrote.
 *
 * An id of 16 digits or more is their text. Within what workers wrote, any number that JavaScript would write otherwise
 * (1.10, or one of thirty digits) is its text behind a mark, so that it is told from a string. A value of plain JSON
 * also survives what a class would not: the way from a shared worker to a tab.
 */

/** Fields that hold whatever a worker wrote; all others are the protocol's. */
const FREE: ReadonlySet<string> = new Set(['"payload"', '"result"', '"info"']);

/** PostgreSQL's jsonb holds no text with this in it. */
const MARK = '\u0000';

/** What may be written otherwise, or not be held: else the text is left to JSON.parse. */
const SUSPECT = /\d{16}|\.\d*0(?!\d)|\d[eE]|(?<!\d)-0/;
/** Outside of strings: what opens and closes, what ends a value, and numbers. */
const TOKENS = /[[\]{},]|-?\d[\d.eE+-]*/g;
const LONG_WHOLE = /^-?\d{16,}$/;

/** As JSON.parse, but for numbers as above. */
export function parseJson(text: string): unknown {
  return JSON.parse(SUSPECT.test(text) ? withDigitsKept(text) : text);
}

/** The digits of a number that stands as its text; null for any other text. */
export function digitsOf(text: string): string | null {
  return text.startsWith(MARK) ? text.slice(MARK.length) : null;
}

/** As JSON.stringify, with the digits that were parsed. */
export function writeJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(/"\\u0000(-?\d[\d.eE+-]*)"/g, '$1');
}

/** String by string: one regular expression for all of it would overflow the stack on a string of some megabytes. */
function withDigitsKept(text: string): string {
  const parts: string[] = [];
  let at = 0;
  let depth = 0;
  /** How deep the free field lies that is being read; null outside of one. */
  let free: number | null = null;
  const kept = (token: string) => {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (token !== ',') {
      if (free !== null) return String(Number(token)) === token ? token : `"\\u0000${token}"`;
      return LONG_WHOLE.test(token) ? `"${token}"` : token;
    }
    if (free !== null && (depth < free || (depth === free && token === ','))) free = null;
    return token;
  };
  while (at < text.length) {
    const opens = text.indexOf('"', at);
    parts.push(text.slice(at, opens < 0 ? undefined : opens).replace(TOKENS, kept));
    if (opens < 0) break;
    at = endOfString(text, opens);
    const string = text.slice(opens, at);
    parts.push(string);
    if (free === null && FREE.has(string) && /^\s*:/.test(text.slice(at, at + 8))) free = depth;
  }
  return parts.join('');
}

/** The place after the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1);
  while (quote >= 0) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
  return text.length;
}
