/**
 * What time it is for the server. A browser's clock may be minutes off, and then everything that is told from now
 * would be, too: ages, and what is due.
 *
 * Every answer's `Date` says it to the second. A browser that is about right goes on by its own clock.
 */

/** Less than this nobody sees, and a `Date` does not tell. */
const TOLERATED_MS = 3_000;

export class ServerTime {
  #aheadMs = 0;

  /** Learns from an answer: its `Date`, and when, by the browser's clock, it was asked for and came. */
  heard(date: string | null, askedAt: number, answeredAt: number): void {
    // The second had begun up to a second ago, and the answer was under way for up to as long as all of it took.
    const ahead = Date.parse(date ?? '') + 500 - (askedAt + answeredAt) / 2;
    const doubt = 500 + Math.abs(answeredAt - askedAt) / 2;
    if (Number.isNaN(ahead) || doubt > TOLERATED_MS) return;
    if (Math.abs(ahead) <= TOLERATED_MS) this.#aheadMs = 0;
    else if (Math.abs(ahead - this.#aheadMs) > TOLERATED_MS) this.#aheadMs = ahead;
  }

  /** Milliseconds since 1970. */
  now = (): number => Date.now() + this.#aheadMs;
}
