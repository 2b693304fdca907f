/** A tab's end of the shared connection. */

import type { Link } from '../connection';
import { type ConnectionState, type Delivery, INITIAL } from '../facts';
import type { FromTab, FromWorker } from './messages';

/** The part of MessagePort that is needed. */
export interface TabPort {
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  postMessage(message: FromTab): void;
}

export class SharedLink implements Link {
  readonly #port: TabPort;
  #state: ConnectionState = INITIAL;
  #token: string | null = null;
  readonly #stateListeners = new Set<(state: ConnectionState) => void>();
  readonly #deliveryListeners = new Set<(delivery: Delivery) => void>();

  constructor(port: TabPort) {
    this.#port = port;
    port.onmessage = ({ data }) => this.#hear(data);
  }

  start(): void {
    this.#port.postMessage({ say: 'join', token: this.#token });
  }

  stop(): void {
    this.#port.postMessage({ say: 'leave' });
  }

  wake(): void {
    this.#port.postMessage({ say: 'wake' });
  }

  cover(cursor: string): void {
    this.#port.postMessage({ say: 'cover', cursor });
  }

  setToken(token: string | null): void {
    this.#token = token;
    this.#port.postMessage({ say: 'token', token });
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

  #hear(message: FromWorker): void {
    switch (message.say) {
      case 'state':
        this.#state = { ...message.state, token: this.#token };
        for (const listener of this.#stateListeners) listener(this.#state);
        break;
      case 'delivery':
        for (const listener of this.#deliveryListeners) listener(message.delivery);
        break;
      default:
        message satisfies never;
    }
  }
}

/** The shared connection where the browser has shared workers; null where it has none. */
export function sharedLink(): SharedLink | null {
  if (typeof SharedWorker === 'undefined') return null;
  try {
    const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), {
      type: 'module',
      name: 'tailboard',
    });
    return new SharedLink(worker.port);
  } catch {
    return null;
  }
}
