import { CheckCircle2, Pencil, Play, Plus, Trash2, XCircle } from 'lucide-react';
import type { ComponentType } from 'react';
import { digitsOf, writeJson } from '@/client/json';
import type { EventType, Json } from '@/client/protocol';
import type { Tone } from '@/ui/Badge';

interface Look {
  readonly word: string;
  readonly tone: Tone;
  readonly Icon: ComponentType<{ 'aria-hidden': 'true' }>;
}

export const EVENT_LOOKS: Readonly<Record<EventType, Look>> = {
  job_created: { word: 'Created', tone: 'amber', Icon: Plus },
  job_started: { word: 'Started', tone: 'blue', Icon: Play },
  job_completed: { word: 'Completed', tone: 'green', Icon: CheckCircle2 },
  job_failed: { word: 'Failed', tone: 'red', Icon: XCircle },
  job_updated: { word: 'Updated', tone: 'grey', Icon: Pencil },
  job_deleted: { word: 'Deleted', tone: 'brown', Icon: Trash2 },
};

const SHOWN = 80;

/** A value in one short line. */
export function brief(value: Json): string {
  if (value === null) return '–';
  const text = typeof value === 'string' ? (digitsOf(value) ?? value) : writeJson(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
