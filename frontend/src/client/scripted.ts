/** For tests: a server that does what a script says, and time that a test moves. */

import { vi } from 'vitest';
import { Connection, type Socket, type World } from './connection';
import type { Delivery, PollResult, Settings } from './facts';
import type { Job, JobEvent, ServerFrame, Stats } from './protocol';

export const NO_STATS: Stats = {
  scheduled: 0,
  pending: 0,
  in_progress: 0,
  paused: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  total: 0,
};

export function job(id: number, version: number, part: Partial<Job> = {}): Job {
  return {
    source: 'jobs',
    id,
    queue: 'default',
    kind: 'mail.send',
    status: 'pending',
    priority: 0,
    attempt: 0,
    max_attempts: 3,
    progress: null,
    phase: null,
    phases: [],
    worker: null,
    error: null,
    tags: [],
    created_at: '2026-11-22T19:05:00+00:00',
    scheduled_at: null,
    started_at: null,
    finished_at: null,
    payload: null,
    result: null,
    version,
    ...part,
  };
}

export function event(position: number, part: Partial<JobEvent> = {}, about: Partial<Job> = {}): JobEvent {
  const version = part.version ?? position;
  return {
    type: 'job_updated',
    source: 'jobs',
    job: job(1, version, about),
    change: { from: 'pending', to: 'pending' },
    version,
    at: '2026-11-22T19:05:00.000000Z',
    cursor: `1.${position}`,
    ...part,
  };
}

/** The server's end of one socket. */
export class ScriptedSocket implements Socket {
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  readonly sent: unknown[] = [];
  closedByClient = false;

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(): void {
    this.closedByClient = true;
  }

  opens(): void {
    this.onopen?.(new Event('open'));
  }

  says(...frames: readonly ServerFrame[]): void {
    const data = frames.map((frame) => JSON.stringify(frame)).join('\n');
    this.onmessage?.({ data } as MessageEvent);
  }

  closes(code: number, reason = ''): void {
    this.onclose?.({ code, reason } as CloseEvent);
  }

  /** Opens, greets, and answers the subscription as a server does whose log ends at `position`. */
  welcomes(position: number, replay: readonly JobEvent[] = []): void {
    this.opens();
    this.says({ type: 'welcome', session: 's', ping_s: 25, cursor: `1.${position}`, epoch: 1 });
    this.answers(position, replay);
  }

  answers(position: number, replay: readonly JobEvent[] = []): void {
    this.says({ type: 'subscribed', cursor: `1.${position}`, recovered: true });
    if (replay.length > 0) this.says(...replay);
    this.says({ type: 'caught_up', cursor: `1.${position}` });
  }
}

export class ScriptedWorld implements World {
  readonly sockets: ScriptedSocket[] = [];
  readonly polls: (string | null)[] = [];
  /** What the next polls are answered with; without one they fail. */
  answer: (cursor: string | null) => PollResult = () => ({ outcome: 'failed', message: 'unreachable' });

  connect(): Socket {
    const socket = new ScriptedSocket();
    this.sockets.push(socket);
    return socket;
  }

  async poll(cursor: string | null): Promise<PollResult> {
    this.polls.push(cursor);
    return this.answer(cursor);
  }

  now(): number {
    return Date.now();
  }

  random(): number {
    return 0.5;
  }

  /** The newest socket. */
  get socket(): ScriptedSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('nothing has connected');
    return socket;
  }
}

export interface Observed {
  readonly world: ScriptedWorld;
  readonly connection: Connection;
  readonly deliveries: Delivery[];
  /** The cursors of all events delivered, in the order of their delivery. */
  readonly cursors: () => readonly string[];
}

export function observe(settings: Partial<Settings> = {}): Observed {
  const world = new ScriptedWorld();
  const connection = new Connection(world, { autoReconnect: true, reconnectInterval: 3000, ...settings });
  const deliveries: Delivery[] = [];
  connection.onDelivery((delivery) => deliveries.push(delivery));
  const cursors = () =>
    deliveries.flatMap((delivery) =>
      delivery.kind === 'events' ? delivery.events.map(({ cursor }) => cursor) : [],
    );
  return { world, connection, deliveries, cursors };
}

/** Lets timers run for `ms` and everything that they started settle. */
export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}
