/** The shell of the connection machine: sockets, timers and requests. All decisions are the machine's. */

import {
  type ConnectionState,
  type Delivery,
  type Effect,
  type Fact,
  INITIAL,
  type PollResult,
  type Settings,
  type TimerName,
} from './facts';
import { step } from './machine';
import { parseFrames } from './protocol';

/** The part of WebSocket that is needed, so that a test can put a scripted server in its place. */
export interface Socket {
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(data: string): void;
  close(): void;
}

export interface World {
  connect(): Socket;
  poll(cursor: string | null, token: string | null): Promise<PollResult>;
  now(): number;
  random(): number;
}

/** Where events come from: the socket of this page, or the one shared by all tabs. */
export interface Link {
  start(): void;
  stop(): void;
  wake(): void;
  /** See to it that every event after `cursor` is delivered, again if need be. */
  cover(cursor: string): void;
  setToken(token: string | null): void;
  state(): ConnectionState;
  onState(listener: (state: ConnectionState) => void): () => void;
  onDelivery(listener: (delivery: Delivery) => void): () => void;
}

export class Connection implements Link {
  readonly #world: World;
  readonly #settings: Settings;
  #state: ConnectionState = INITIAL;
  readonly #sockets = new Map<number, Socket>();
  readonly #timers = new Map<TimerName, ReturnType<typeof setTimeout>>();
  readonly #stateListeners = new Set<(state: ConnectionState) => void>();
  readonly #deliveryListeners = new Set<(delivery: Delivery) => void>();

  constructor(world: World, settings: Settings) {
    this.#world = world;
    this.#settings = settings;
  }

  start(): void {
    this.#take({ kind: 'start' });
  }

  stop(): void {
    this.#take({ kind: 'stop' });
  }

  wake(): void {
    this.#take({ kind: 'wake' });
  }

  cover(cursor: string): void {
    this.#take({ kind: 'cover', cursor });
  }

  setToken(token: string | null): void {
    this.#take({ kind: 'token', token });
  }

  state(): ConnectionState {
    return this.#state;
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  onDelivery(listener: (delivery: Delivery) => void): () => void {
    this.#deliveryListeners.add(listener);
    return () => this.#deliveryListeners.delete(listener);
  }

  #take(fact: Fact): void {
    const now = { ms: this.#world.now(), random: this.#world.random() };
    const { state, effects } = step(this.#state, fact, now, this.#settings);
    const changed = state !== this.#state;
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
    if (changed) for (const listener of this.#stateListeners) listener(this.#state);
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'open':
        this.#open(effect.socket);
        break;
      case 'close':
        this.#sockets.get(effect.socket)?.close();
        this.#sockets.delete(effect.socket);
        break;
      case 'send':
        this.#sockets.get(effect.socket)?.send(JSON.stringify(effect.frame));
        break;
      case 'arm':
        clearTimeout(this.#timers.get(effect.timer));
        this.#timers.set(
          effect.timer,
          setTimeout(() => this.#take({ kind: 'timer', timer: effect.timer }), effect.ms),
        );
        break;
      case 'disarm':
        clearTimeout(this.#timers.get(effect.timer));
        this.#timers.delete(effect.timer);
        break;
      case 'poll':
        this.#world.poll(effect.cursor, this.#state.token).then(
          (result) => this.#take({ kind: 'polled', from: effect.cursor, result }),
          (error: unknown) =>
            this.#take({
              kind: 'polled',
              from: effect.cursor,
              result: { outcome: 'failed', message: String(error) },
            }),
        );
        break;
      case 'deliver':
        for (const listener of this.#deliveryListeners) listener(effect.delivery);
        break;
      default:
        effect satisfies never;
    }
  }

  #open(number: number): void {
    const socket = this.#world.connect();
    this.#sockets.set(number, socket);
    socket.onopen = () => this.#take({ kind: 'opened', socket: number });
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string') this.#take({ kind: 'frames', socket: number, frames: parseFrames(data) });
    };
    socket.onclose = ({ code, reason }) => {
      this.#sockets.delete(number);
      this.#take({ kind: 'closed', socket: number, code, reason });
    };
  }
}
