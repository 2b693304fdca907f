/** What the connection machine knows, what it is told, and what it asks to be done. */

import type { ClientFrame, JobEvent, ServerFrame, Stats } from './protocol';

export type ConnectionPhase = 'connecting' | 'catching_up' | 'live' | 'polling' | 'offline';
export type TimerName = 'retry' | 'watch' | 'poll';

export interface Settings {
  readonly autoReconnect: boolean;
  /** Milliseconds before the first attempt to come back; doubles with each further one, up to 30 s. */
  readonly reconnectInterval: number;
}

export interface ConnectionState {
  readonly phase: ConnectionPhase;
  /** The number of the socket in use. Facts about any other socket are old news. */
  readonly socket: number;
  readonly socketUp: boolean;
  readonly attempts: number;
  /** Everything up to here was delivered. */
  readonly cursor: string | null;
  /** Subscriptions sent and not yet answered. What comes before the answer belongs to an older one. */
  readonly awaiting: number;
  /** The cursor that the newest subscription asked for; null asked for "from now". */
  readonly asked: string | null;
  readonly heardAt: number;
  readonly pinged: boolean;
  /** When what is shown was last known to be all there is. */
  readonly freshAt: number | null;
  readonly lagMs: number | null;
  /** The server is there and says that its database is not. */
  readonly away: boolean;
  readonly error: string | null;
  /** The server wants a token, or another one. */
  readonly denied: boolean;
  readonly token: string | null;
  /** Not to be tried again until somebody asks: stopped, denied, or told by the server not to come back. */
  readonly halted: boolean;
}

export type PollResult =
  | {
      readonly outcome: 'page';
      readonly events: readonly JobEvent[];
      readonly cursor: string;
      readonly more: boolean;
      readonly stats: Stats;
    }
  | { readonly outcome: 'expired'; readonly reason: string; readonly cursor: string; readonly stats: Stats }
  | { readonly outcome: 'denied' }
  | { readonly outcome: 'failed'; readonly message: string };

export type Fact =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'opened'; readonly socket: number }
  | { readonly kind: 'frames'; readonly socket: number; readonly frames: readonly ServerFrame[] }
  | { readonly kind: 'closed'; readonly socket: number; readonly code: number; readonly reason: string }
  | { readonly kind: 'timer'; readonly timer: TimerName }
  | { readonly kind: 'polled'; readonly from: string | null; readonly result: PollResult }
  /** The tab came back, the network came back, or a person pressed "try now". */
  | { readonly kind: 'wake' }
  | { readonly kind: 'token'; readonly token: string | null }
  /** Somebody holds a snapshot taken at `cursor` and needs every event after it. */
  | { readonly kind: 'cover'; readonly cursor: string };

export type Delivery =
  | { readonly kind: 'events'; readonly events: readonly JobEvent[] }
  | { readonly kind: 'stats'; readonly stats: Stats; readonly cursor: string }
  | { readonly kind: 'reset'; readonly reason: string; readonly cursor: string };

export type Effect =
  | { readonly kind: 'open'; readonly socket: number }
  | { readonly kind: 'close'; readonly socket: number }
  | { readonly kind: 'send'; readonly socket: number; readonly frame: ClientFrame }
  | { readonly kind: 'arm'; readonly timer: TimerName; readonly ms: number }
  | { readonly kind: 'disarm'; readonly timer: TimerName }
  | { readonly kind: 'poll'; readonly cursor: string | null }
  | { readonly kind: 'deliver'; readonly delivery: Delivery };

/** What the machine may know about the world: the time in milliseconds, and a number in [0, 1) for jitter. */
export interface Now {
  readonly ms: number;
  readonly random: number;
}

export interface Step {
  readonly state: ConnectionState;
  readonly effects: readonly Effect[];
}

export const INITIAL: ConnectionState = {
  phase: 'connecting',
  socket: 0,
  socketUp: false,
  attempts: 0,
  cursor: null,
  awaiting: 0,
  asked: null,
  heardAt: 0,
  pinged: false,
  freshAt: null,
  lagMs: null,
  away: false,
  error: null,
  denied: false,
  token: null,
  halted: true,
};

export function impossible(value: never): never {
  throw new Error(`unhandled: ${JSON.stringify(value)}`);
}
