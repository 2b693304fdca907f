/** One connection, many tabs: hands every delivery to every tab that joined. */

import type { Link } from '../connection';
import type { ConnectionState } from '../facts';
import type { FromTab, FromWorker } from './messages';

/** The part of MessagePort that is needed. */
export interface Port {
  postMessage(message: FromWorker): void;
}

export class Switchboard {
  readonly #link: Link;
  readonly #ports = new Set<Port>();

  constructor(link: Link) {
    this.#link = link;
    link.onState((state) => this.#tell({ say: 'state', state: shown(state) }));
    link.onDelivery((delivery) => this.#tell({ say: 'delivery', delivery }));
  }

  hear(port: Port, message: FromTab): void {
    switch (message.say) {
      case 'join':
        this.#ports.add(port);
        if (message.token !== null) this.#link.setToken(message.token);
        this.#link.start();
        port.postMessage({ say: 'state', state: shown(this.#link.state()) });
        break;
      case 'leave':
        this.#ports.delete(port);
        if (this.#ports.size === 0) this.#link.stop();
        break;
      case 'wake':
        this.#link.wake();
        break;
      case 'cover':
        this.#link.cover(message.cursor);
        break;
      case 'token':
        // A tab that has none yet takes nothing away from the others.
        if (message.token !== null) this.#link.setToken(message.token);
        break;
      default:
        message satisfies never;
    }
  }

  #tell(message: FromWorker): void {
    for (const port of this.#ports) port.postMessage(message);
  }
}

function shown(state: ConnectionState) {
  const { token: _, ...rest } = state;
  return rest;
}
