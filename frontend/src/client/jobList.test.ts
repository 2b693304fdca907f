import { describe, expect, test, vi } from 'vitest';
import type { JobPage, Sort } from './api';
import { EVERYTHING, parseFilter } from './filter';
import { headline } from './headline';
import { JobList, LINGER_MS, WAITING_MAX } from './jobList';
import type { Job, JobEvent } from './protocol';
import { event, job, NO_STATS } from './scripted';

function batch(...events: readonly JobEvent[]) {
  return { events, reset: null, stats: null };
}

function created(id: number, version: number, part: Parameters<typeof job>[2] = {}): JobEvent {
  return event(version, { type: 'job_created', job: job(id, version, part) });
}

async function listOf(
  ids: readonly number[],
  search = '',
  next: string | null = null,
  sort: Sort = 'newest',
) {
  const pages: JobPage[] = [{ jobs: ids.map((id) => job(id, id)), next, cursor: '1.100' }];
  const list = new JobList({
    load: async () => pages[0] ?? { jobs: [], next: null, cursor: '1.100' },
    filter: parseFilter(search),
    sort,
    onLoaded: () => undefined,
  });
  await list.refresh();
  return { list, pages };
}

const shown = (list: JobList) => list.view().order.map((key) => Number(key.split('/')[1]));

test('new jobs come in at the top', async () => {
  const { list } = await listOf([3, 2, 1]);
  list.apply(batch(created(4, 101), created(5, 102)));
  expect(shown(list)).toEqual([5, 4, 3, 2, 1]);
});

test('while it is held, new jobs wait and rows stay where they are', async () => {
  const { list } = await listOf([3, 2, 1], '?status=pending');
  list.hold(true);
  list.apply(batch(created(4, 101), event(102, { job: job(2, 102, { status: 'completed' }) })));
  expect(shown(list)).toEqual([3, 2, 1]);
  expect(list.view().waiting).toBe(1);
  expect(list.departed('jobs/2')).toBe(true);
  list.hold(false);
  expect(shown(list)).toEqual([4, 3, 1]);
});

test('of very many jobs that wait none is kept, and the list is loaded again when it is released', async () => {
  const { list, pages } = await listOf([1]);
  list.hold(true);
  const arrive = (from: number, count: number) =>
    list.apply(
      batch(...Array.from({ length: count }, (_, place) => created(from + place, 100 + from + place))),
    );
  arrive(2, WAITING_MAX - 1);
  expect(list.view().waiting).toBe(WAITING_MAX - 1);
  arrive(WAITING_MAX + 1, 10);
  expect(list.view().waiting).toBe(WAITING_MAX);
  expect(shown(list)).toEqual([1]);
  pages[0] = { jobs: [job(WAITING_MAX + 10, WAITING_MAX + 110)], next: null, cursor: '1.20000' };
  list.hold(false);
  await vi.waitFor(() => expect(shown(list)).toEqual([WAITING_MAX + 10]));
  expect(list.view().waiting).toBe(0);
});

test('rows are alike wherever they came from, and keep no more than a list shows', async () => {
  const text = 'x'.repeat(100_000);
  const { list } = await listOf([1]);
  list.apply(batch(created(2, 101, { error: text, payload: { text }, result: text, omitted: ['result'] })));
  const [page, told] = [list.job('jobs/1'), list.job('jobs/2')];
  expect(Object.keys(told ?? {})).toEqual(Object.keys(page ?? {}));
  expect(JSON.stringify(told).length).toBeLessThan(1_000);
  expect(told?.error).toBe('x'.repeat(500));
});

test('of a long traceback a row keeps what was raised', async () => {
  const { list } = await listOf([1]);
  const frames = '  File "mail.py", line 2, in send\n    open()\n'.repeat(50);
  const error = `Traceback (most recent call last):\n${frames}KeyError: 7`;
  list.apply(batch(created(2, 101, { error })));
  expect(headline(list.job('jobs/2')?.error ?? '')).toBe('KeyError: 7');
});

test('a list of what holds a text is kept up by events', async () => {
  const { list } = await listOf([1], '?q=needle');
  list.apply(batch(created(2, 101, { kind: 'hay' }), created(3, 102, { error: 'a Needle' })));
  expect(shown(list)).toEqual([3, 1]);
  expect(list.view().waiting).toBe(0);
  list.apply(batch(event(103, { job: job(3, 103, { error: null }) })));
  expect(shown(list)).toEqual([1]);
});

test.each(['a reset', 'a poll'])(
  'after a restore, what was told of before it counts no more: %s',
  async (by) => {
    const { list, pages } = await listOf([3, 2]);
    list.apply(batch(event(101, { job: job(3, 101, { status: 'failed' }) })));
    pages[0] = { jobs: [job(3, 3), job(2, 2)], next: null, cursor: '2.90' };
    if (by === 'a reset') list.apply({ ...batch(), reset: 'epoch_changed' });
    else void list.poll();
    list.apply(batch(event(91, { cursor: '2.91', job: job(2, 91, { status: 'completed' }) })));
    await vi.waitFor(() => expect(list.view().loading).toBe(false));
    expect(list.job('jobs/3')?.status).toBe('pending');
    expect(list.job('jobs/2')?.status).toBe('completed');
  },
);

test('what is told of before a restore, while the list is loaded after it, counts no more', async () => {
  const { list, pages } = await listOf([3]);
  pages[0] = { jobs: [job(3, 3)], next: null, cursor: '2.90' };
  const loading = list.refresh();
  list.apply(batch(event(101, { job: job(3, 101, { status: 'failed' }) })));
  await loading;
  expect(list.job('jobs/3')?.status).toBe('pending');
});

test('new jobs go between the rows where they belong', async () => {
  const { list } = await listOf([30, 10]);
  list.apply(batch(created(20, 101), created(40, 102)));
  expect(shown(list)).toEqual([40, 30, 20, 10]);
});

test('a row that matches again by the time the list is released stays', async () => {
  const { list } = await listOf([3], '?status=pending');
  list.hold(true);
  list.apply(batch(event(101, { job: job(3, 101, { status: 'paused' }) })));
  list.apply(batch(event(102, { job: job(3, 102) })));
  list.hold(false);
  expect(shown(list)).toEqual([3]);
});

test('a list that is held is not asked for again in the background', async () => {
  const { list, pages } = await listOf([3]);
  pages[0] = { jobs: [job(4, 4)], next: null, cursor: '1.101' };
  list.hold(true);
  await list.poll();
  expect(shown(list)).toEqual([3]);
  list.hold(false);
  await list.poll();
  expect(shown(list)).toEqual([4]);
});

test('an event older than the row is ignored', async () => {
  const { list } = await listOf([30]);
  list.apply(batch(event(29, { job: job(30, 29, { status: 'failed' }) })));
  expect(list.job('jobs/30')?.status).toBe('pending');
});

test('pages that are empty and not the last are read on, and what is not known whole is said', async () => {
  const pages: Record<string, JobPage> = {
    begin: { jobs: [], next: 'a', cursor: '1.9', complete: false },
    a: { jobs: [], next: 'b', cursor: '1.9', complete: false },
    b: { jobs: [job(4, 4)], next: 'c', cursor: '1.9', complete: false },
  };
  const list = new JobList({
    load: async (after) => pages[after ?? 'begin'] ?? Promise.reject(new Error(`asked for ${after}`)),
    filter: EVERYTHING,
    sort: 'newest',
    onLoaded: () => undefined,
  });
  await list.refresh();
  expect(shown(list)).toEqual([4]);
  expect(list.view()).toMatchObject({ more: true, complete: false, error: null });
});

test('a job that was deleted is not brought back by an older event', async () => {
  const { list } = await listOf([3]);
  list.apply(batch(event(110, { type: 'job_deleted', job: job(3, 110) })));
  list.apply(batch(event(105, { job: job(3, 105) })));
  expect(shown(list)).toEqual([]);
});

test('a job that was deleted is not brought back by an older page', async () => {
  const { list, pages } = await listOf([3], '', 'more');
  list.apply(batch(event(110, { type: 'job_deleted', job: job(2, 110) })));
  pages[0] = { jobs: [job(2, 105), job(1, 101)], next: null, cursor: '1.105' };
  await list.loadMore();
  expect(shown(list)).toEqual([3, 1]);
});

test('a job that completes as its row goes is shown completed, then dropped, and not brought back', async () => {
  vi.useFakeTimers();
  try {
    const { list } = await listOf([3, 2, 1], '?status=pending');
    const ended = (id: number, version: number) =>
      event(version, {
        type: 'job_completed',
        job: job(id, version, { status: 'completed' }),
        change: { from: 'pending', to: 'completed', deleted: true },
      });
    list.apply(batch(ended(2, 110), ended(9, 111)));
    expect(shown(list)).toEqual([3, 2, 1]);
    expect([list.job('jobs/2')?.status, list.departed('jobs/2')]).toEqual(['completed', true]);
    vi.advanceTimersByTime(LINGER_MS);
    expect(shown(list)).toEqual([3, 1]);
    list.apply(batch(event(105, { job: job(2, 105) })));
    expect(shown(list)).toEqual([3, 1]);

    list.apply(batch(ended(3, 120), created(3, 121)));
    expect(list.departed('jobs/3')).toBe(false);
    vi.advanceTimersByTime(LINGER_MS);
    expect(shown(list), 'the job was inserted again meanwhile').toEqual([3, 1]);

    list.hold(true);
    list.apply(batch(ended(1, 130)));
    vi.advanceTimersByTime(LINGER_MS);
    expect(shown(list), 'rows stay under the pointer').toEqual([3, 1]);
    list.hold(false);
    expect(shown(list)).toEqual([3]);
  } finally {
    vi.useRealTimers();
  }
});

test('a job comes and goes as it begins and ceases to match', async () => {
  const { list } = await listOf([], '?status=failed');
  list.apply(batch(event(101, { type: 'job_failed', job: job(7, 101, { status: 'failed' }) })));
  expect(shown(list)).toEqual([7]);
  list.apply(batch(event(102, { job: job(7, 102, { status: 'pending' }) })));
  expect(shown(list)).toEqual([]);
});

test('a job that belongs after the loaded part waits for its page', async () => {
  const { list } = await listOf([9, 8], '', 'more');
  list.apply(batch(event(101, { job: job(2, 101) })));
  expect(shown(list)).toEqual([9, 8]);
});

test('in an order that updates can change, a job moves, but not while the list is held', async () => {
  const { list } = await listOf([3, 2, 1], '', null, 'started');
  const started = (id: number, version: number) =>
    event(version, { job: job(id, version, { started_at: `2026-11-22T19:05:${version - 100}+00:00` }) });
  list.apply(batch(started(1, 111)));
  expect(shown(list)).toEqual([1, 3, 2]);
  list.hold(true);
  list.apply(batch(started(2, 112), created(4, 113)));
  expect(shown(list)).toEqual([1, 3, 2]);
  list.hold(false);
  expect(shown(list)).toEqual([2, 1, 4, 3]);
});

test('an event that overtakes its page is not undone by it', async () => {
  let answer: ((page: JobPage) => void) | undefined;
  const list = new JobList({
    load: () => new Promise((resolve) => (answer = resolve)),
    filter: EVERYTHING,
    sort: 'newest',
    onLoaded: () => undefined,
  });
  const loading = list.refresh();
  list.apply(batch(event(120, { job: job(3, 120, { status: 'completed' }) }), created(4, 121)));
  answer?.({ jobs: [job(3, 3), job(1, 1)], next: null, cursor: '1.100' });
  await loading;
  expect(shown(list)).toEqual([4, 3, 1]);
  expect(list.job('jobs/3')?.status).toBe('completed');
});

test('a page that fails to load says so', async () => {
  const list = new JobList({
    load: () => Promise.reject(new Error('no')),
    filter: EVERYTHING,
    sort: 'newest',
    onLoaded: () => undefined,
  });
  await list.refresh();
  expect(list.view()).toMatchObject({ loaded: false, error: new Error('no') });
});

describe('what time alone changes', () => {
  const due = '2026-11-22T20:00:00+00:00';
  const DUE = Date.parse(due);
  const waiting = (id: number, version: number) => job(id, version, { status: 'scheduled', due });

  async function at(search: string, jobs: readonly Job[] = [], clock = { now: DUE - 5_000 }) {
    const pages: JobPage[] = [{ jobs, next: null, cursor: '1.100' }];
    let loads = 0;
    const list = new JobList({
      load: async () => {
        loads += 1;
        return pages[0] ?? { jobs: [], next: null, cursor: '1.100' };
      },
      filter: parseFilter(search),
      sort: 'newest',
      onLoaded: () => undefined,
      now: () => clock.now,
    });
    await list.refresh();
    return { list, pages, clock, loads: () => loads };
  }

  test('a job is pending once it is due, without any event', async () => {
    const { list, clock } = await at('', [waiting(3, 3)]);
    list.tick();
    expect(list.job('jobs/3')?.status).toBe('scheduled');
    clock.now = DUE;
    list.tick();
    expect(list.job('jobs/3')?.status).toBe('pending');
  });

  test('it leaves a list of scheduled jobs then, and stays while the list is held', async () => {
    const { list, clock } = await at('?status=scheduled', [waiting(3, 3), waiting(4, 4)]);
    list.hold(true);
    clock.now = DUE;
    list.tick();
    expect(list.departed('jobs/3')).toBe(true);
    list.hold(false);
    expect(shown(list)).toEqual([]);
  });

  test('what waited to come into that list and is due when it is released does not come', async () => {
    const { list, clock } = await at('?status=scheduled');
    list.hold(true);
    list.apply(batch(event(101, { job: waiting(7, 101) })));
    expect(list.view().waiting).toBe(1);
    clock.now = DUE;
    list.hold(false);
    expect(shown(list)).toEqual([]);
  });

  test('it comes into a list of pending jobs that has heard of it', async () => {
    const { list, clock } = await at('?status=pending&queue=default');
    list.apply(
      batch(
        event(101, { job: waiting(7, 101) }),
        event(102, { job: { ...waiting(8, 102), queue: 'other' } }),
      ),
    );
    expect(shown(list)).toEqual([]);
    clock.now = DUE;
    list.tick();
    expect(shown(list)).toEqual([7]);
  });

  test('not if it was changed, or went away, before it was due', async () => {
    const { list, clock } = await at('?status=pending');
    list.apply(batch(event(101, { job: waiting(7, 101) }), event(102, { job: waiting(8, 102) })));
    list.apply(
      batch(
        event(103, { type: 'job_deleted', job: waiting(7, 103) }),
        event(104, { job: job(8, 104, { status: 'completed' }) }),
      ),
    );
    clock.now = DUE;
    list.tick();
    expect(shown(list)).toEqual([]);
  });

  test('an event about a job that is due already shows it as pending', async () => {
    const { list } = await at('?status=pending', [], { now: DUE + 1 });
    list.apply(batch(event(101, { type: 'job_created', job: waiting(7, 101) })));
    expect(list.job('jobs/7')?.status).toBe('pending');
  });

  test('a list of pending jobs is loaded again when fewer are scheduled and no event says why', async () => {
    const { list, pages, loads } = await at('?status=pending');
    const stats = (scheduled: number, ...events: readonly JobEvent[]) => ({
      events,
      reset: null,
      stats: { ...NO_STATS, scheduled },
    });
    list.apply(stats(3, created(5, 101)));
    list.apply(stats(2, event(102, { change: { from: 'scheduled', to: 'in_progress' } })));
    expect(loads()).toBe(1);
    pages[0] = { jobs: [job(9, 9)], next: null, cursor: '1.101' };
    list.hold(true);
    list.apply(stats(1));
    expect([loads(), list.view().waiting], 'not under the pointer').toEqual([1, 1]);
    list.hold(false);
    await vi.waitFor(() => expect(shown(list)).toEqual([9]));
    expect(loads()).toBe(2);
  });

  test('a page that says a job is due is believed over a clock that is behind', async () => {
    const { list, pages } = await at('', [waiting(3, 3)]);
    pages[0] = { jobs: [job(3, 3, { due })], next: null, cursor: '1.101' };
    await list.refresh();
    expect(list.job('jobs/3')?.status).toBe('pending');
  });
});

describe('several sources', () => {
  const export_ = (id: string, created_at: string | null, version = 0) =>
    job(0, version, { source: 'exports', id, created_at });

  test('events go where their time of creation puts them', async () => {
    const { list } = await listOf([]);
    list.apply(
      batch(
        created(1, 101, { created_at: '2026-01-01T00:00:00+00:00' }),
        event(102, { source: 'exports', job: export_('b', '2026-01-02T01:00:00+01:00', 102) }),
        created(2, 103, { created_at: '2026-01-02T00:30:00+00:00' }),
        event(104, { source: 'exports', job: export_('a', null, 104) }),
      ),
    );
    expect(list.view().order).toEqual(['exports/a', 'jobs/2', 'exports/b', 'jobs/1']);
  });

  test('what only pages know is as the newest page says', async () => {
    const pages: JobPage[] = [{ jobs: [export_('a', null)], next: null, cursor: '1.1' }];
    const list = new JobList({
      load: async () => pages[0] ?? { jobs: [], next: null, cursor: '1.1' },
      filter: EVERYTHING,
      sort: 'newest',
      onLoaded: () => undefined,
    });
    await list.refresh();
    pages[0] = { ...pages[0], jobs: [{ ...export_('a', null), status: 'failed' }] } as JobPage;
    await list.refresh();
    expect(list.job('exports/a')?.status).toBe('failed');
  });

  test('a source that cannot be read is told with the list', async () => {
    const failing = [{ source: 'exports', code: 'source_broken', message: 'gone' }];
    const list = new JobList({
      load: async () => ({ jobs: [job(1, 1)], next: null, cursor: '1.1', complete: false, failing }),
      filter: EVERYTHING,
      sort: 'newest',
      onLoaded: () => undefined,
    });
    await list.refresh();
    expect(list.view()).toMatchObject({ failing, complete: true });
  });
});
