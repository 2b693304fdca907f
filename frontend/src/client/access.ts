/** The access token of this tab: kept for the session, never in a URL. */

const KEY = 'tailboard.token';

export interface Keep {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export class Access {
  readonly #keep: Keep | null;
  #token: string | null;
  #wanted = false;
  readonly #listeners = new Set<() => void>();

  constructor(keep: Keep | null) {
    this.#keep = keep;
    this.#token = keep?.getItem(KEY) ?? null;
  }

  token(): string | null {
    return this.#token;
  }

  /** Whether the server refused what we have, so that a person has to be asked. */
  wanted(): boolean {
    return this.#wanted;
  }

  give(token: string): void {
    this.#token = token;
    this.#wanted = false;
    this.#keep?.setItem(KEY, token);
    this.#tell();
  }

  refuse(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#token = null;
    this.#keep?.removeItem(KEY);
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
