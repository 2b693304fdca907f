import type { JobEvent } from '@/client/protocol';

/** For so long, in milliseconds, what comes after something that was said waits, to be said together. */
export const TOGETHER_MS = 60_000;

/** Events of one kind, of which the first is said at once and the others of a minute in one word: a busy board stays calm. */
export class Bundle {
  #last: JobEvent | null = null;
  #count = 0;
  #next = Number.NEGATIVE_INFINITY;

  add(event: JobEvent): void {
    this.#last = event;
    this.#count += 1;
  }

  /** When there will be something to say; null where nothing has happened. */
  due(): number | null {
    return this.#last === null ? null : this.#next;
  }

  /** What is to be said by now: the last event, and how many others it stands for. */
  take(now: number): { readonly last: JobEvent; readonly others: number } | null {
    const [last, others] = [this.#last, this.#count - 1];
    if (last === null || now < this.#next) return null;
    this.#last = null;
    this.#count = 0;
    this.#next = now + TOGETHER_MS;
    return { last, others };
  }
}
