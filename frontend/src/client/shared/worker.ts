/** The shared worker: holds the one connection that this browser has to the board. */

import { Connection } from '../connection';
import { rootOfWorker } from '../root';
import { browserWorld } from '../world';
import type { FromTab } from './messages';
import { Switchboard } from './switchboard';

interface SharedScope {
  onconnect: ((event: MessageEvent) => void) | null;
}

const switchboard = new Switchboard(
  new Connection(browserWorld(rootOfWorker(location.href)), { autoReconnect: true, reconnectInterval: 3000 }),
);

(globalThis as unknown as SharedScope).onconnect = (event) => {
  const port = event.ports[0];
  if (port === undefined) return;
  port.onmessage = ({ data }: MessageEvent<FromTab>) => switchboard.hear(port, data);
  // A tab that crashed says no goodbye; browsers that know this event tell of its end.
  port.addEventListener('close', () => switchboard.hear(port, { say: 'leave' }));
};
