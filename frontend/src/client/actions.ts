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
  readonly #listeners = new Set<() => void>();

  constructor(api: Api) {
    this.#api = api;
  }

  /** Resolves when the server has done it. Throws what it said when it has not; the job looks as before then. */
  async run(job: Job, action: Action): Promise<void> {
    const key = jobKey(job);
    this.#expect(key, { status: statusAfter(action), until: null });
    try {
      const after = await this.#api.act(job, action);
      const answered = { status: after?.status ?? null, until: after?.version ?? Number.POSITIVE_INFINITY };
      this.#expect(key, answered);
      // A later action on the same job has an expectation of its own.
      setTimeout(() => this.#expected.get(key) === answered && this.#expect(key, null), BELIEVED_MS);
    } catch (error) {
      this.#expect(key, null);
      throw error;
    }
  }

  view = (): ReadonlyMap<string, Expectation> => this.#expected;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #expect(key: string, expectation: Expectation | null): void {
    const next = new Map(this.#expected);
    if (expectation === null) next.delete(key);
    else next.set(key, expectation);
    this.#expected = next;
    for (const listener of this.#listeners) listener();
  }
}

/** How the job is to be shown: its status, or the one an action will give it; null where it will be gone. */
export function expectedStatus(expected: ReadonlyMap<string, Expectation>, job: Job): Status | null {
  const expectation = expected.get(jobKey(job));
  if (expectation === undefined) return job.status;
  if (expectation.until !== null && job.version >= expectation.until) return job.status;
  return expectation.status;
}
