const LONG = /\d{16}/;
/** Outside of strings: a whole number of so many digits that JavaScript may not hold it. */
const LONG_NUMBER = /(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

/**
 * As JSON.parse, but whole numbers of 16 digits or more are kept as their digits, in a string: rounded, an id would name
 * another job, and a payload would say what nobody wrote.
 */
export function parseJson(text: string): unknown {
  return JSON.parse(LONG.test(text) ? withLongNumbersQuoted(text) : text);
}

/** String by string: one regular expression for all of it would overflow the stack on a string of some megabytes. */
function withLongNumbersQuoted(text: string): string {
  const parts: string[] = [];
  let at = 0;
  while (at < text.length) {
    const opens = text.indexOf('"', at);
    const outside = text.slice(at, opens < 0 ? undefined : opens);
    parts.push(outside.replace(LONG_NUMBER, '"$&"'));
    if (opens < 0) break;
    at = endOfString(text, opens);
    parts.push(text.slice(opens, at));
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
