const TRACEBACK = 'Traceback (most recent call last):';

/** The line that says what went wrong: the first, or what Python writes below the frames of the last traceback. */
export function headline(error: string): string {
  const text = error.trimStart();
  if (text.startsWith(TRACEBACK)) {
    const raised = /\n(\S.*)/.exec(text.slice(text.lastIndexOf(TRACEBACK)))?.[1];
    if (raised !== undefined) return raised.trimEnd();
  }
  return text.split('\n', 1)[0]?.trimEnd() ?? '';
}
