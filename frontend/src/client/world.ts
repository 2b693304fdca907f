/** The real world of a connection: a WebSocket and the REST interface of the server at `base`. */

import { Access } from './access';
import type { World } from './connection';
import type { PollResult } from './facts';
import { isJobEvent, type JobEvent, type Stats, withVersion } from './protocol';
import { Problem, Rest, Unreachable } from './rest';

const PAGE = 1000;

/** A machine that is gone refuses nothing: without this a question to it would be out for minutes, and no other asked. */
const ANSWER_WITHIN_MS = 30_000;

/** `base` is the board's root, as in `root.ts`. */
export function browserWorld(base: string): World {
  return {
    connect: () => new WebSocket(`${base.replace(/^http/, 'ws')}/api/ws/jobs`, ['tailboard.v1']),
    poll: (cursor, token) => poll(base, cursor, token),
    now: () => Date.now(),
    random: () => Math.random(),
  };
}

interface EventsPage {
  readonly events: readonly JobEvent[];
  readonly cursor: string;
  readonly more: boolean;
}

interface StatsAnswer {
  readonly stats: Stats;
  readonly cursor: string;
}

async function poll(base: string, cursor: string | null, token: string | null): Promise<PollResult> {
  const access = new Access(null);
  if (token !== null) access.give(token);
  const rest = new Rest(base, access);
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const readStats = () => rest.call<StatsAnswer>('/api/stats?queues=0', { signal });
  try {
    if (cursor === null) {
      const { stats, cursor: now } = await readStats();
      return { outcome: 'page', events: [], cursor: now, more: false, stats };
    }
    const page = await rest.call<EventsPage>(
      `/api/events?after=${encodeURIComponent(cursor)}&limit=${PAGE}`,
      { signal },
    );
    const { stats } = await readStats();
    const events = page.events.filter(isJobEvent).map(withVersion);
    if (events.length < page.events.length) {
      return { outcome: 'expired', reason: 'source_reset', cursor: page.cursor, stats };
    }
    return { outcome: 'page', events, cursor: page.cursor, more: page.more, stats };
  } catch (error) {
    if (error instanceof Unreachable) return { outcome: 'failed', message: error.message };
    if (!(error instanceof Problem)) return { outcome: 'failed', message: 'The server cannot be reached.' };
    if (error.status === 401) return { outcome: 'denied' };
    if (!EXPIRED.has(error.code)) return { outcome: 'failed', message: error.message };
    try {
      const { stats, cursor: now } = await readStats();
      return { outcome: 'expired', reason: error.code, cursor: now, stats };
    } catch {
      return { outcome: 'failed', message: 'The server cannot be reached.' };
    }
  }
}

const EXPIRED: ReadonlySet<string> = new Set(['cursor_expired', 'epoch_changed', 'invalid_cursor']);
