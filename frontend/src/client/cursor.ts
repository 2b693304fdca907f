/** Cursors: `epoch.position`, for example `3.104522`. */

export function isCursor(text: string): boolean {
  return /^\d+\.\d+$/.test(text);
}

/** Negative, zero or positive, as `a` is before, at or after `b`. An unreadable part counts as zero. */
export function compareCursors(a: string, b: string): number {
  const [epochA, positionA] = split(a);
  const [epochB, positionB] = split(b);
  return epochA === epochB ? positionA - positionB : epochA - epochB;
}

/** Whether both are of one epoch: only then do versions of one tell anything of versions of the other. */
export function sameEpoch(a: string, b: string): boolean {
  return split(a)[0] === split(b)[0];
}

/** The place `count` events before `cursor`, at the earliest the beginning of its epoch. */
export function before(cursor: string, count: number): string {
  const [epoch, position] = split(cursor);
  return `${epoch}.${Math.max(0, position - count)}`;
}

function split(cursor: string): readonly [number, number] {
  const dot = cursor.indexOf('.');
  return [Number(cursor.slice(0, dot)) || 0, Number(cursor.slice(dot + 1)) || 0];
}
