/**
 * The access token of this tab: kept for the session, never in a URL. It opens the whole board, and machines are shared:
 * beyond the session it is kept only where a person said so.
 */

const KEY = 'tailboard.token';

export interface Keep {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export class Access {
  readonly #session: Keep | null;
  readonly #machine: Keep | null;
  readonly #key: string;
  #token: string | null;
  #wanted = false;
  readonly #listeners = new Set<() => void>();

  /** `board` tells boards of one origin apart. */
  constructor(session: Keep | null, machine: Keep | null = null, board = '') {
    this.#key = KEY + board;
    this.#session = session;
    this.#machine = machine;
    this.#token = session?.getItem(this.#key) ?? machine?.getItem(this.#key) ?? null;
  }

  token(): string | null {
    return this.#token;
  }

  /** Whether the server refused what we have, so that a person has to be asked. */
  wanted(): boolean {
    return this.#wanted;
  }

  /** Whether the token outlives this tab. */
  remembered(): boolean {
    return (this.#machine?.getItem(this.#key) ?? null) !== null;
  }

  give(token: string, remember = false): void {
    this.#token = token;
    this.#wanted = false;
    this.#session?.setItem(this.#key, token);
    if (remember) this.#machine?.setItem(this.#key, token);
    this.#tell();
  }

  /** From now on only the tabs that have the token keep it, each until it is closed. */
  forget(): void {
    if (this.#token !== null) this.#session?.setItem(this.#key, this.#token);
    this.#machine?.removeItem(this.#key);
    this.#tell();
  }

  refuse(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    // Another tab may remember a newer one by now.
    if (this.#machine?.getItem(this.#key) === this.#token) this.#machine?.removeItem(this.#key);
    this.#session?.removeItem(this.#key);
    this.#token = null;
    this.#tell();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
