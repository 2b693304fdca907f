/** A network cable between a browser and a board, to be pulled and plugged in again. */

import { connect, createServer, type Server, type Socket } from 'node:net';

export class Cable {
  readonly #server: Server;
  readonly #ends = new Set<Socket>();
  #pulled = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to(port: number): Promise<Cable> {
    const server = createServer((browser) => {
      if (cable.#pulled) {
        browser.destroy();
        return;
      }
      const board = connect(port, '127.0.0.1');
      for (const [end, other] of [
        [browser, board],
        [board, browser],
      ] as const) {
        cable.#ends.add(end);
        end.pipe(other);
        end.on('error', () => other.destroy());
        end.on('close', () => {
          cable.#ends.delete(end);
          other.destroy();
        });
      }
    });
    const cable = new Cable(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return cable;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the cable has no end');
    return `http://127.0.0.1:${address.port}`;
  }

  pull(): void {
    this.#pulled = true;
    for (const end of this.#ends) end.destroy();
  }

  plugIn(): void {
    this.#pulled = false;
  }

  close(): void {
    this.pull();
    this.#server.close();
  }
}
