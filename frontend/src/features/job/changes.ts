/** What an event changed, in words. */

import type { Json } from '@/client/protocol';
import { brief } from '@/parts/eventLooks';
import { percent } from '@/ui/Meter';
import { exactTime } from '@/ui/time';
import { phasesOf } from './phases';

const TIMES: ReadonlySet<string> = new Set(['created_at', 'scheduled_at', 'started_at', 'finished_at']);

/** A field's value in one short line; times as everywhere on the board, in the reader's own zone. */
export function told(field: string, value: Json): string {
  return TIMES.has(field) && typeof value === 'string' ? exactTime(value) : brief(value);
}

/** Which phases moved, and to what, or else how far they are; not the whole list twice. */
export function phaseChanges(from: Json, to: Json): string {
  const before = phasesOf(from);
  const pairs = phasesOf(to).map((is, index) => ({ is, was: before[index] }));
  const moved = pairs.filter(({ is, was }) => is.status !== was?.status);
  if (moved.length > 0) return moved.map(({ is }) => `${is.name}: ${is.status ?? 'to come'}`).join(', ');
  const further = pairs.filter(({ is, was }) => is.progress !== null && is.progress !== was?.progress);
  if (further.length > 0) {
    return further.map(({ is }) => `${is.name}: ${percent(is.progress ?? 0)} %`).join(', ');
  }
  return pairs.length === before.length ? 'details' : pairs.map(({ is }) => is.name).join(', ') || '–';
}
