/** What the connection machine does with frames from the server: follows, delivers, and notes how the server is. */

import { compareCursors } from './cursor';
import { type ConnectionState, type Delivery, type Effect, impossible, type Now, type Step } from './facts';
import { type ClientFrame, isJobEvent, type JobEvent, type ServerFrame } from './protocol';

export function heard(state: ConnectionState, frames: readonly ServerFrame[], now: Now): Step {
  let next: ConnectionState = { ...state, heardAt: now.ms, pinged: false };
  const effects: Effect[] = [];
  let events: JobEvent[] = [];
  const deliver = (delivery: Delivery) => effects.push({ kind: 'deliver', delivery });
  const flush = () => {
    if (events.length > 0) deliver({ kind: 'events', events });
    events = [];
  };
  for (const frame of frames) {
    if (isJobEvent(frame)) {
      if (next.awaiting > 0) continue;
      if (next.cursor !== null && compareCursors(frame.cursor, next.cursor) <= 0) continue;
      events.push(frame);
      next = { ...next, cursor: frame.cursor };
      continue;
    }
    switch (frame.type) {
      case 'welcome': {
        const step = subscribe(next);
        next = step.state;
        effects.push(...step.effects);
        break;
      }
      case 'subscribed': {
        const covered = next.asked ?? frame.cursor;
        next = {
          ...next,
          socketUp: true,
          denied: false,
          error: null,
          phase: 'catching_up',
          awaiting: Math.max(0, next.awaiting - 1),
          cursor: next.cursor ?? covered,
        };
        effects.push({ kind: 'disarm', timer: 'poll' });
        if (next.awaiting === 0 && next.cursor !== null && compareCursors(next.cursor, covered) < 0) {
          const step = subscribe(next);
          next = step.state;
          effects.push(...step.effects);
        }
        break;
      }
      case 'caught_up':
        if (next.awaiting === 0) next = { ...next, phase: 'live', attempts: 0, freshAt: now.ms };
        break;
      case 'stats_updated':
        flush();
        deliver({ kind: 'stats', stats: frame.stats, cursor: frame.cursor });
        break;
      case 'reset':
        flush();
        deliver({ kind: 'reset', reason: frame.reason, cursor: frame.cursor });
        next = { ...next, cursor: frame.cursor };
        break;
      case 'heartbeat':
        next = { ...next, lagMs: frame.lag_ms, away: frame.away === true };
        break;
      case 'error':
        next = { ...next, error: frame.message };
        break;
      case 'left':
      case 'pong':
        break;
      default:
        return impossible(frame);
    }
  }
  flush();
  if (next.phase === 'live') next = { ...next, freshAt: now.ms };
  return { state: next, effects };
}

export function subscribe(state: ConnectionState): Step {
  const { cursor, socket } = state;
  const frame: ClientFrame = cursor === null ? { type: 'subscribe' } : { type: 'subscribe', cursor };
  return {
    state: { ...state, awaiting: state.awaiting + 1, asked: cursor },
    effects: [{ kind: 'send', socket, frame }],
  };
}
