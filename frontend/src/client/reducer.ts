/** What an event does to a job that a page already has. */

import { type JobEvent, jobKey } from './protocol';

/** Whether `event` is newer than what is known. Events may come again after a reconnection or a fresh page. */
export function isNews(knownVersion: number | undefined, event: JobEvent): boolean {
  return knownVersion === undefined || event.version > knownVersion;
}

/**
 * Remembers which jobs were deleted at which version, so that an event that comes late or again cannot bring one
 * back. Keeps the newest `limit`.
 */
export class Graves {
  readonly #versions = new Map<string, number>();
  readonly #limit: number;

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  bury(event: JobEvent): void {
    this.#versions.set(jobKey(event.job), event.version);
    if (this.#versions.size <= this.#limit) return;
    for (const oldest of this.#versions.keys()) {
      this.#versions.delete(oldest);
      break;
    }
  }

  version(key: string): number | undefined {
    return this.#versions.get(key);
  }

  clear(): void {
    this.#versions.clear();
  }
}
