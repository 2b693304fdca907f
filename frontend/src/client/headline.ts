/** What an error says in one line, or in little. */

const TRACEBACK = 'Traceback (most recent call last):';

/** What Python writes below the frames of the last traceback, and all after it; null where the error begins otherwise. */
function raised(error: string): string | null {
  if (!error.trimStart().startsWith(TRACEBACK)) return null;
  const last = error.slice(error.lastIndexOf(TRACEBACK));
  const at = last.search(/\n\S/);
  return at < 0 ? null : last.slice(at + 1);
}

/** The line that says what went wrong: the first, or what Python raised. */
export function headline(error: string): string {
  const text = raised(error) ?? error.trimStart();
  return (text.split('\n', 1)[0] ?? '').trimEnd();
}

/** The first `length` characters of an error, or of a long traceback what was raised; its headline stays the same. */
export function shortened(error: string, length: number): string {
  if (error.length <= length) return error;
  const text = raised(error);
  return (text === null ? error : `${TRACEBACK}\n  …\n${text}`).slice(0, length);
}
