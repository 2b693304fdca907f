/** What a source's health is called, and how bad it is. */

import type { SourceInfo } from '@/client/api';
import type { Tone } from '@/ui/Badge';

interface Look {
  readonly word: string;
  readonly tone: Tone;
}

const LOOKS: { readonly [status: string]: Look } = {
  ok: { word: 'Healthy', tone: 'green' },
  syncing: { word: 'Counting rows', tone: 'blue' },
  faulty: { word: 'Capture faults', tone: 'amber' },
  drifted: { word: 'Columns changed', tone: 'amber' },
  stalled: { word: 'Not followed', tone: 'amber' },
  detached: { word: 'Not watched', tone: 'red' },
  missing: { word: 'Table gone', tone: 'red' },
  broken: { word: 'Broken', tone: 'red' },
};

/** Counted since, and bound to happen again where nobody has corrected anything. */
const HAD_FAULTS: Look = { word: 'Had faults', tone: 'amber' };

export function healthLook({ status, faults = 0 }: SourceInfo['health']): Look {
  if (status === 'ok' && faults > 0) return HAD_FAULTS;
  return LOOKS[status] ?? { word: status.replaceAll('_', ' '), tone: 'amber' };
}
