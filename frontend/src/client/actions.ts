/** Actions on jobs, shown before the server has agreed and taken back when it does not. */

import { type Action, type Api, statusAfter } from './api';
import { type Job, jobKey, type Status } from './protocol';

interface Expectation {
  readonly status: Status | null;
  /** Shown until the job is known at this version; null while the server has not answered. */
  readonly until: number | null;
}

/** An answer whose event never came (it was filtered out, or the feed is down) is believed this long. */
const BELIEVED_MS = 10_000;

export class Actions {
  readonly #api: Api;
  #expected: ReadonlyMap<string, Expectation> = new Map();
  /** The last action on each job that the server has not answered; it never rejects. */
  readonly #unanswered = new Map<string, Promise<void>>();
  readonly #listeners = new Set<() => void>();

  constructor(api: Api) {
    this.#api = api;
  }

  /**
   * Resolves when the server has done it. Throws what it said when it has not; the job looks as before then.
   * Actions on one job reach the server in the order in which they were asked for.
   */
  async run(job: Job, action: Action): Promise<void> {
    const key = jobKey(job);
    const asked = { status: statusAfter(action), until: null };
    this.#expect(key, asked);
    try {
      const after = await this.#inTurn(key, () => this.#api.act(job, action));
      const answered = { status: after?.status ?? null, until: after?.version ?? Number.POSITIVE_INFINITY };
      this.#replace(key, asked, answered);
      setTimeout(() => this.#replace(key, answered, null), BELIEVED_MS);
    } catch (error) {
      this.#replace(key, asked, null);
      throw error;
    }
  }

  async #inTurn<T>(key: string, act: () => Promise<T>): Promise<T> {
    const answer = (this.#unanswered.get(key) ?? Promise.resolve()).then(act);
    const settled = answer.then(ignore, ignore);
    this.#unanswered.set(key, settled);
    try {
      return await answer;
    } finally {
      if (this.#unanswered.get(key) === settled) this.#unanswered.delete(key);
    }
  }

  view = (): ReadonlyMap<string, Expectation> => this.#expected;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Unless a later action on the same job has an expectation of its own. */
  #replace(key: string, former: Expectation, next: Expectation | null): void {
    if (this.#expected.get(key) === former) this.#expect(key, next);
  }

  #expect(key: string, expectation: Expectation | null): void {
    const next = new Map(this.#expected);
    if (expectation === null) next.delete(key);
    else next.set(key, expectation);
    this.#expected = next;
    for (const listener of this.#listeners) listener();
  }
}

function ignore(): void {}

/** How the job is to be shown: its status, or the one an action will give it; null where it will be gone. */
export function expectedStatus(expected: ReadonlyMap<string, Expectation>, job: Job): Status | null {
  const expectation = expected.get(jobKey(job));
  if (expectation === undefined) return job.status;
  if (expectation.until !== null && job.version >= expectation.until) return job.status;
  return expectation.status;
}
