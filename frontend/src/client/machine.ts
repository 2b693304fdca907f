/**
 * The connection machine: facts in, a new state and effects out. No socket, no clock, no timer of its own, so
 * every order of events can be tested.
 *
 *     connecting -> catching_up -> live
 *         ^             |           |        the socket is lost
 *         +-------------+-----------+----------------------------> polling <-> offline
 *
 * While there is no socket the event log is read over REST from the same cursor, so that polling delivers the
 * same events as the socket, only later. `polling` means that this works, `offline` that it does not.
 *
 * A socket that fails is tried less and less often. A server that was away and answers a poll is tried at once: so a
 * page is back within POLL_MS, and the polls of many pages are spread over half of that, however they began.
 */

import { compareCursors } from './cursor';
import {
  type ConnectionState,
  type Effect,
  type Fact,
  impossible,
  type Now,
  type PollResult,
  type Settings,
  type Step,
  type TimerName,
} from './facts';
import { heard, subscribe } from './hearing';

const WATCH_MS = 5_000;
/** After this much silence the server is asked for a sign of life, ... */
const PING_AFTER_MS = 30_000;
/** ... and after this much the socket is given up. The server's heartbeat comes every 25 s. */
const SILENCE_MS = 40_000;
/** A socket that has not said welcome by now never will. */
const OPENING_MS = 10_000;
export const POLL_MS = 5_000;
const RETRY_MAX_MS = 30_000;

export function step(state: ConnectionState, fact: Fact, now: Now, settings: Settings): Step {
  switch (fact.kind) {
    case 'start':
      return state.halted ? open({ ...state, phase: 'connecting', halted: false }, now) : unchanged(state);
    case 'stop':
      return {
        state: { ...state, socket: state.socket + 1, socketUp: false, phase: 'offline', halted: true },
        effects: [{ kind: 'close', socket: state.socket }, ...disarmAll],
      };
    case 'opened':
      return opened(state, fact.socket, now);
    case 'frames':
      return fact.socket === state.socket ? heard(state, fact.frames, now) : unchanged(state);
    case 'closed':
      return fact.socket === state.socket
        ? lost(state, fact.code, fact.reason, now, settings)
        : unchanged(state);
    case 'timer':
      return timer(state, fact.timer, now, settings);
    case 'polled':
      return polled(state, fact.from, fact.result, now);
    case 'wake':
      return wake(state, now);
    case 'token':
      return token(state, fact.token, now);
    case 'cover':
      return cover(state, fact.cursor);
    default:
      return impossible(fact);
  }
}

const disarmAll: readonly Effect[] = [
  { kind: 'disarm', timer: 'retry' },
  { kind: 'disarm', timer: 'watch' },
  { kind: 'disarm', timer: 'poll' },
];

function unchanged(state: ConnectionState): Step {
  return { state, effects: [] };
}

function open(state: ConnectionState, now: Now): Step {
  const socket = state.socket + 1;
  return {
    state: {
      ...state,
      socket,
      socketUp: false,
      awaiting: 0,
      heardAt: now.ms,
      pinged: false,
      lagMs: null,
      away: false,
    },
    effects: [
      { kind: 'disarm', timer: 'retry' },
      { kind: 'open', socket },
      { kind: 'arm', timer: 'watch', ms: WATCH_MS },
    ],
  };
}

function opened(state: ConnectionState, socket: number, now: Now): Step {
  // A socket that opens after it was given up is closed again.
  if (socket !== state.socket || state.halted) return { state, effects: [{ kind: 'close', socket }] };
  const effects: Effect[] = [];
  if (state.token !== null)
    effects.push({ kind: 'send', socket, frame: { type: 'auth', token: state.token } });
  return { state: { ...state, heardAt: now.ms }, effects };
}

function lost(state: ConnectionState, code: number, reason: string, now: Now, settings: Settings): Step {
  if (state.halted) return unchanged(state);
  const gone: ConnectionState = {
    ...state,
    socket: state.socket + 1,
    socketUp: false,
    attempts: state.attempts + 1,
  };
  if (code === 1008) return { state: deny(gone), effects: disarmAll };
  // What a question was answered with says more than how a further attempt ended.
  const told = state.phase === 'offline' ? state.error : null;
  const error = told ?? (reason || `The connection was lost (${code}).`);
  if ((code >= 4500 && code <= 4999) || !settings.autoReconnect) {
    return { state: { ...gone, phase: 'offline', halted: true, error }, effects: disarmAll };
  }
  const wasPolling = state.phase === 'polling' || state.phase === 'offline';
  const backoff = Math.min(RETRY_MAX_MS, settings.reconnectInterval * 2 ** Math.min(state.attempts, 10));
  const effects: Effect[] = [
    { kind: 'disarm', timer: 'watch' },
    { kind: 'arm', timer: 'retry', ms: jittered(backoff, now) },
  ];
  // Polling that already goes on is not started again: its timer or its request is still out.
  if (!wasPolling) effects.push({ kind: 'poll', cursor: state.cursor });
  return { state: { ...gone, error, phase: wasPolling ? state.phase : 'connecting' }, effects };
}

/** Somewhere in the second half of the time: many pages lose a server together. */
function jittered(ms: number, { random }: Now): number {
  return Math.round(ms * (0.5 + random / 2));
}

function deny(state: ConnectionState): ConnectionState {
  return { ...state, phase: 'offline', denied: true, halted: true, error: 'The server wants a valid token.' };
}

function timer(state: ConnectionState, name: TimerName, now: Now, settings: Settings): Step {
  if (state.halted) return unchanged(state);
  switch (name) {
    case 'retry':
      return open(state, now);
    case 'poll':
      return state.socketUp ? unchanged(state) : { state, effects: [{ kind: 'poll', cursor: state.cursor }] };
    case 'watch':
      return watch(state, now, settings);
    default:
      return impossible(name);
  }
}

/** Timers of a sleeping tab stop: what counts is the time now, not how often this was called. */
function watch(state: ConnectionState, now: Now, settings: Settings): Step {
  const silence = now.ms - state.heardAt;
  if (silence >= (state.socketUp ? SILENCE_MS : OPENING_MS)) {
    const step = lost(state, 4000, 'The server fell silent.', now, settings);
    return { ...step, effects: [{ kind: 'close', socket: state.socket }, ...step.effects] };
  }
  const effects: Effect[] = [{ kind: 'arm', timer: 'watch', ms: WATCH_MS }];
  if (!state.socketUp || silence < PING_AFTER_MS || state.pinged) return { state, effects };
  effects.push({ kind: 'send', socket: state.socket, frame: { type: 'ping' } });
  return { state: { ...state, pinged: true }, effects };
}

function polled(state: ConnectionState, from: string | null, result: PollResult, now: Now): Step {
  if (state.halted) return unchanged(state);
  // Asked from another place than the one that counts by now: the answer would leave a gap.
  if (from !== state.cursor && result.outcome !== 'failed' && result.outcome !== 'denied') {
    return { state, effects: state.socketUp ? [] : [{ kind: 'poll', cursor: state.cursor }] };
  }
  const again: readonly Effect[] = state.socketUp ? [] : [{ kind: 'arm', timer: 'poll', ms: POLL_MS }];
  switch (result.outcome) {
    case 'denied':
      return { state: deny(state), effects: [{ kind: 'close', socket: state.socket }, ...disarmAll] };
    case 'failed':
      return state.socketUp
        ? unchanged(state)
        : {
            state: { ...state, phase: 'offline', error: result.message },
            effects: [{ kind: 'arm', timer: 'poll', ms: jittered(POLL_MS, now) }],
          };
    case 'expired': {
      if (state.socketUp) return unchanged(state);
      const { reason, cursor, stats } = result;
      return reached(state, { ...state, phase: 'polling', cursor, freshAt: now.ms }, now, [
        { kind: 'deliver', delivery: { kind: 'reset', reason, cursor } },
        { kind: 'deliver', delivery: { kind: 'stats', stats, cursor } },
        ...again,
      ]);
    }
    case 'page': {
      // The socket came back while the answer was on its way: it delivers the same from the same cursor.
      if (state.socketUp) return unchanged(state);
      const { events, cursor, stats } = result;
      const effects: Effect[] = [];
      if (events.length > 0) effects.push({ kind: 'deliver', delivery: { kind: 'events', events } });
      if (result.more) effects.push({ kind: 'poll', cursor });
      else effects.push({ kind: 'deliver', delivery: { kind: 'stats', stats, cursor } }, ...again);
      const freshAt = result.more ? state.freshAt : now.ms;
      return reached(state, { ...state, phase: 'polling', cursor, freshAt }, now, effects);
    }
    default:
      return impossible(result);
  }
}

/** A poll was answered: where the server was away before it, so may the socket be. */
function reached(
  before: ConnectionState,
  state: ConnectionState,
  now: Now,
  effects: readonly Effect[],
): Step {
  if (before.phase !== 'offline') return { state, effects };
  const step = open(state, now);
  return { ...step, effects: [...effects, { kind: 'close', socket: before.socket }, ...step.effects] };
}

function wake(state: ConnectionState, now: Now): Step {
  if (state.denied) return unchanged(state);
  if (state.halted) return open({ ...state, halted: false, attempts: 0, phase: 'connecting' }, now);
  if (!state.socketUp) {
    const opening = now.ms - state.heardAt < OPENING_MS && state.attempts === 0;
    if (opening) return unchanged(state);
    const step = open({ ...state, attempts: 0 }, now);
    return { ...step, effects: [{ kind: 'close', socket: state.socket }, ...step.effects] };
  }
  if (now.ms - state.heardAt >= SILENCE_MS) {
    const step = open({ ...state, phase: 'connecting' }, now);
    return { ...step, effects: [{ kind: 'close', socket: state.socket }, ...step.effects] };
  }
  // Ask at once, and count a server that stays silent for five more seconds as gone.
  return {
    state: { ...state, pinged: true, heardAt: Math.min(state.heardAt, now.ms - SILENCE_MS + WATCH_MS) },
    effects: [
      { kind: 'send', socket: state.socket, frame: { type: 'ping' } },
      { kind: 'arm', timer: 'watch', ms: WATCH_MS },
    ],
  };
}

function token(state: ConnectionState, value: string | null, now: Now): Step {
  if (value === state.token && !state.denied) return unchanged(state);
  const next: ConnectionState = { ...state, token: value };
  // A socket that is up proved itself; one that is not yet may be waiting for just this token.
  const needed = state.denied || (!state.socketUp && !state.halted);
  if (value === null || !needed) return { state: next, effects: [] };
  const step = open(
    { ...next, denied: false, halted: false, attempts: 0, phase: 'connecting', error: null },
    now,
  );
  return { ...step, effects: [{ kind: 'close', socket: state.socket }, ...step.effects] };
}

function cover(state: ConnectionState, cursor: string): Step {
  if (state.cursor !== null && compareCursors(cursor, state.cursor) >= 0) return unchanged(state);
  const next: ConnectionState = { ...state, cursor };
  if (!state.socketUp) return { state: next, effects: [] };
  return subscribe({ ...next, phase: 'catching_up' });
}
