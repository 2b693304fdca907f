import { expect, test } from 'vitest';
import type { Action, BulkAnswer, JobPage } from './api';
import { type Counted, countBulk, runBulk } from './bulk';
import { EVERYTHING, type JobFilter } from './filter';
import type { Job } from './protocol';
import { job } from './scripted';

/** A server of some jobs, newest first, whose searches look at the newest few. */
class Server {
  readonly asked: object[] = [];
  readonly #jobs: readonly Job[];
  readonly #window: number;
  matched: number | null = null;

  constructor(jobs: readonly Job[], window: number) {
    this.#jobs = jobs;
    this.#window = window;
  }

  bulk = async (_action: Action, filter: object, dryRun: boolean): Promise<BulkAnswer> => {
    this.asked.push(filter);
    if ('job' in filter) {
      const { length } = filter.job as readonly string[];
      return { matched: length, changed: dryRun ? 0 : length, more: false };
    }
    const { q } = filter as JobFilter;
    const seen = q === '' ? this.#jobs : this.#jobs.slice(0, this.#window);
    const found = seen.filter(({ kind }) => kind?.includes(q));
    return {
      matched: this.matched ?? found.length,
      changed: dryRun ? 0 : 10_000,
      more: this.asked.length < 13,
      complete: seen.length === this.#jobs.length,
      unsupported: ['watched'],
    };
  };

  jobs = async (filter: JobFilter, _sort: string, after: string | null, limit: number): Promise<JobPage> => {
    expect(filter.q).toBe('');
    const from = Number(after ?? 0);
    const jobs = this.#jobs.slice(from, from + limit);
    return { jobs, next: from + limit < this.#jobs.length ? String(from + limit) : null, cursor: '1.1' };
  };
}

const never = new AbortController().signal;
const needles: JobFilter = { ...EVERYTHING, q: 'needle' };

function hay(count: number): readonly Job[] {
  return Array.from({ length: count }, (_, at) =>
    job(count - at, 1, { kind: at % 100 === 0 ? 'the.needle' : 'hay' }),
  );
}

function count(server: Server, filter: JobFilter, onLooked = (_: unknown) => {}, enough = never) {
  return countBulk(server, 'cancel', { filter }, onLooked, { enough, signal: never });
}

test('a search that the server answers whole is acted on by its filter', async () => {
  const server = new Server(hay(1_000), 1_000);
  const counted = await count(server, needles);
  expect(counted).toMatchObject({ jobs: 10, more: false, without: ['watched'] });
  expect(counted.scope).toHaveProperty('filter');
});

test('only what stands where the action is possible is searched for', async () => {
  const server = new Server(hay(10), 1_000);
  await count(server, { ...needles, status: ['completed', 'paused'] });
  expect(server.asked).toMatchObject([{ status: ['paused'] }]);
});

test('where a search on the server looks at a part, all jobs are looked through, and those found are acted on by name', async () => {
  const jobs = [...hay(2_000), job(3_000, 1, { kind: 'a.needle', source: 'watched' })];
  const server = new Server(jobs, 1_000);
  const looked: unknown[] = [];
  const counted = await count(server, needles, (told) => looked.push(told));
  expect(counted).toMatchObject({ jobs: 20, more: false });
  expect(looked.at(-1)).toEqual({ found: 20, jobs: 2_001 });

  const told: number[] = [];
  const done = await runBulk(server, 'cancel', counted, (changed) => told.push(changed), never);
  expect(done).toEqual({ jobs: 20, refused: 0 });
  expect(told).toEqual([20]);
  expect(server.asked.at(-1)).toHaveProperty('job.length', 20);
});

test('who has waited enough acts on what was found so far, and no more', async () => {
  const server = new Server(hay(2_000), 1_000);
  const enough = new AbortController();
  const counted = await count(server, needles, () => enough.abort(), enough.signal);
  expect(counted).toMatchObject({ jobs: 5, more: true });
  expect(await runBulk(server, 'cancel', counted, () => {}, never)).toEqual({ jobs: 5, refused: 0 });
});

test('where the server counts no further, the action goes on until there are no more', async () => {
  const server = new Server([], 0);
  server.matched = 100_000;
  const counted = await count(server, EVERYTHING);
  expect(counted).toMatchObject({ jobs: 100_000, more: true });
  expect((await runBulk(server, 'cancel', counted, () => {}, never)).jobs).toBe(120_000);
});

test('it ends at the number that was told, whatever comes to match meanwhile', async () => {
  const server = new Server([], 0);
  const counted: Counted = { jobs: 15_000, scope: { filter: EVERYTHING }, more: false, without: [] };
  expect((await runBulk(server, 'cancel', counted, () => {}, never)).jobs).toBe(20_000);
});

test('it ends where all that is left is refused', async () => {
  const server = new Server([], 0);
  const refused = async () => ({ matched: 9, changed: 0, refused: 9, more: server.asked.push({}) < 3 });
  const counted: Counted = { jobs: 9, scope: { filter: EVERYTHING }, more: false, without: [] };
  const outcome = await runBulk({ ...server, bulk: refused }, 'cancel', counted, () => {}, never);
  expect(outcome).toEqual({ jobs: 0, refused: 9 });
});
