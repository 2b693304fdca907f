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

/**
 * Numbers that JavaScript may write otherwise, or not hold: of many digits, or with a zero at the end, an exponent, or
 * minus zero. A text without any is left to JSON.parse, as most events are.
 */
const SUSPECT =
  /\d[\d.]{15}|(?:^|[\s:,[])-?(?:0|[1-9]\d*)(?:\.\d*0|(?:\.\d+)?[eE][+-]?\d+|(?<=-0))(?=[\s,\]}]|$)/;
const NUMBER = /-?\d[\d.eE+-]*/y;
const COLON = /^\s*:/;
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

/** Step by step: one regular expression for all of it would overflow the stack on a string of some megabytes. */
function withDigitsKept(text: string): string {
  const parts: string[] = [];
  let copied = 0;
  let at = 0;
  let depth = 0;
  /** How deep the free field lies that is being read; null outside of one. */
  let free: number | null = null;
  while (at < text.length) {
    const char = text[at] ?? '';
    if (char === '"') {
      const end = endOfString(text, at);
      if (
        free === null &&
        FREE.has(text.slice(at, Math.min(end, at + 10))) &&
        COLON.test(text.slice(end, end + 8))
      )
        free = depth;
      at = end;
    } else if (char === '-' || (char >= '0' && char <= '9')) {
      NUMBER.lastIndex = at;
      const digits = NUMBER.exec(text)?.[0] ?? char;
      const kept = written(digits, free !== null);
      if (kept !== digits) {
        parts.push(text.slice(copied, at), kept);
        copied = at + digits.length;
      }
      at += digits.length;
    } else {
      if (char === '{' || char === '[') depth += 1;
      else if (char === '}' || char === ']') depth -= 1;
      if (free !== null && (depth < free || (depth === free && char === ','))) free = null;
      at += 1;
    }
  }
  parts.push(text.slice(copied));
  return parts.join('');
}

/** How a number has to stand in JSON for JSON.parse to lose nothing of it. */
function written(digits: string, free: boolean): string {
  if (!free) return LONG_WHOLE.test(digits) ? `"${digits}"` : digits;
  return String(Number(digits)) === digits ? digits : `"\\u0000${digits}"`;
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
