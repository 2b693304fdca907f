/** A fresh board for a test: the real server on its own embedded PostgreSQL, and SQL typed into psql. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const BIN = join(ROOT, '.venv', 'bin');
const READY_MS = 90_000;

export class Board {
  readonly home = mkdtempSync(join(tmpdir(), 'tb-e2e-'));
  readonly port: number;
  readonly #extra: Readonly<Record<string, string>>;
  readonly #arguments: readonly string[];
  #server: ChildProcess | null = null;
  #dsn: string | null = null;

  private constructor(port: number, extra: Readonly<Record<string, string>>, options: readonly string[]) {
    this.port = port;
    this.#extra = extra;
    this.#arguments = options;
  }

  /** Starts `tailboard up`; `extra` are TAILBOARD_* settings. */
  static async up(extra: Readonly<Record<string, string>> = {}, options: readonly string[] = []): Promise<Board> {
    const board = new Board(await freePort(), extra, options);
    try {
      await board.start();
    } catch (error) {
      await board.remove();
      throw error;
    }
    return board;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Returns when the server has said that it is ready. */
  async start(): Promise<void> {
    const server = spawn(join(BIN, 'tailboard'), ['up', ...this.#arguments], {
      env: this.#environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#server = server;
    let said = '';
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not ready in time:\n${said}`)), READY_MS);
      const listen = (data: Buffer) => {
        said += data.toString();
        if (!said.includes(this.url)) return;
        clearTimeout(timer);
        resolve();
      };
      server.stdout?.on('data', listen);
      server.stderr?.on('data', listen);
      server.once('exit', (code) => {
        clearTimeout(timer);
        reject(new Error(`the server ended with ${code}:\n${said}`));
      });
    });
  }

  /** Ends the server; the database folder stays, so that `start` goes on where it was. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null || server.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill(signal);
    await ended;
  }

  /** Ends the server and removes its database. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.home, { recursive: true, force: true });
  }

  /** Runs SQL as somebody at a terminal would; the rows come back as lines, columns joined by `|`. */
  sql(text: string): string {
    const [program, options] = this.psql(text);
    return execFileSync(program, options).toString().trim();
  }

  /** The command that runs SQL, for those who do not want to wait for it. */
  psql(text: string): [string, string[]] {
    this.#dsn ??= execFileSync(join(BIN, 'tailboard'), ['dsn'], { env: this.#environment() }).toString().trim();
    return [psql(), ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-c', text, this.#dsn]];
  }

  /** A psql that stays open, for transactions that last. */
  session(): Session {
    const [program, options] = this.psql('');
    // no -c: the statements come by and by
    return new Session(program, [...options.slice(0, options.indexOf('-c')), ...options.slice(options.indexOf('-c') + 2)]);
  }

  /** Puts a table on the board, as `tailboard attach` does for a definition in a file. */
  attach(definition: string): void {
    const file = join(this.home, 'source.toml');
    writeFileSync(file, definition);
    execFileSync(join(BIN, 'tailboard'), ['attach', file, '--yes'], { env: this.#environment(), stdio: 'pipe' });
  }

  /** Inserts a job and returns its id. */
  insert(columns: Readonly<Record<string, string>>): number {
    const names = Object.keys(columns).join(', ');
    const values = Object.values(columns).map(literal).join(', ');
    return Number(this.sql(`INSERT INTO tailboard.jobs (${names}) VALUES (${values}) RETURNING id`));
  }

  #environment(): Record<string, string> {
    const inherited = Object.entries(process.env).filter(
      (pair): pair is [string, string] => pair[1] !== undefined && !pair[0].startsWith('TAILBOARD_'),
    );
    return {
      ...Object.fromEntries(inherited),
      TAILBOARD_HOME: this.home,
      TAILBOARD_PORT: String(this.port),
      ...this.#extra,
    };
  }
}

/** A worker's own connection, in psql. */
export class Session {
  readonly #psql: ChildProcess;
  #said = '';
  #runs = 0;

  constructor(program: string, options: readonly string[]) {
    this.#psql = spawn(program, options, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#psql.stdout?.on('data', (data: Buffer) => {
      this.#said += data.toString();
    });
  }

  /** Runs statements, and returns when they have been run. */
  async run(statements: string): Promise<void> {
    this.#runs += 1;
    const mark = `done ${this.#runs}`;
    this.#psql.stdin?.write(`${statements}\n\\echo ${mark}\n`);
    while (!this.#said.includes(mark)) await new Promise((resolve) => this.#psql.stdout?.once('data', resolve));
  }

  end(): void {
    this.#psql.stdin?.end();
  }
}

export function literal(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

let found: string | undefined;

/** The system's psql, or the one that comes with the embedded server. */
function psql(): string {
  if (found !== undefined) return found;
  const system = (process.env.PATH ?? '').split(':').map((folder) => join(folder, 'psql'));
  found = system.find((path) => existsSync(path));
  if (found !== undefined) return found;
  const where = 'import embedded_postgres, pathlib; print(pathlib.Path(embedded_postgres.__file__).parent)';
  const packaged = execFileSync(join(BIN, 'python'), ['-c', where]).toString().trim();
  found = join(packaged, 'pginstall', 'bin', 'psql');
  return found;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
