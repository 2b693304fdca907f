/** A proxy that has a board in a folder of its own address, as nginx does with `location /folder/`. */

import { createServer, request, type Server } from 'node:http';
import { connect } from 'node:net';

export class Folder {
  readonly #server: Server;
  readonly #name: string;

  private constructor(server: Server, name: string) {
    this.#server = server;
    this.#name = name;
  }

  static async of(port: number, name: string): Promise<Folder> {
    const within = (path = '/') => (path.startsWith(`${name}/`) ? path.slice(name.length) : null);
    const server = createServer((asked, answer) => {
      const path = within(asked.url);
      if (path === null) {
        answer.writeHead(404).end('elsewhere');
        return;
      }
      const { method, headers } = asked;
      const board = request({ port, host: '127.0.0.1', path, method, headers }, (answered) => {
        answer.writeHead(answered.statusCode ?? 502, answered.headers);
        answered.pipe(answer);
      });
      board.on('error', () => answer.destroy());
      asked.pipe(board);
    });
    server.on('upgrade', (asked, browser, head) => {
      const path = within(asked.url);
      if (path === null) {
        browser.destroy();
        return;
      }
      const board = connect(port, '127.0.0.1');
      board.write(`GET ${path} HTTP/1.1\r\n`);
      for (let i = 0; i < asked.rawHeaders.length; i += 2) {
        board.write(`${asked.rawHeaders[i]}: ${asked.rawHeaders[i + 1]}\r\n`);
      }
      board.write('\r\n');
      board.write(head);
      board.pipe(browser).pipe(board);
      for (const [end, other] of [
        [browser, board],
        [board, browser],
      ] as const) {
        end.on('error', () => other.destroy());
        end.on('close', () => other.destroy());
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Folder(server, name);
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no end');
    return `http://127.0.0.1:${address.port}${this.#name}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
