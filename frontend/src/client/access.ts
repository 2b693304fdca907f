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
  #token: string | null;
  #wanted = false;
  readonly #listeners = new Set<() => void>();

  constructor(session: Keep | null, machine: Keep | null = null) {
    this.#session = session;
    this.#machine = machine;
    this.#token = session?.getItem(KEY) ?? machine?.getItem(KEY) ?? null;
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
    return (this.#machine?.getItem(KEY) ?? null) !== null;
  }

  give(token: string, remember = false): void {
    this.#token = token;
    this.#wanted = false;
    this.#session?.setItem(KEY, token);
    if (remember) this.#machine?.setItem(KEY, token);
    this.#tell();
  }

  /** From now on only the tabs that have the token keep it, each until it is closed. */
  forget(): void {
    if (this.#token !== null) this.#session?.setItem(KEY, this.#token);
    this.#machine?.removeItem(KEY);
    this.#tell();
  }

  refuse(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    // Another tab may remember a newer one by now.
    if (this.#machine?.getItem(KEY) === this.#token) this.#machine?.removeItem(KEY);
    this.#session?.removeItem(KEY);
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
