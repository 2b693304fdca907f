/** What is particular to a page: Home's charts, the tail of Live, who is lost on Workers, what is not there. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { answers, live, PATIENCE_MS, row, says, stage } from './harness.ts';

const it = stage();
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints(/404 \(Not Found\)|503 \(Service Unavailable\)/);
});

test('Home keeps up what no feed tells, by queue and in the minute that runs, while the board is busy', async () => {
  const page = await it.open('/');
  await live(page);
  const soFar = page.getByRole('table', { name: 'Jobs per minute over the last hour' }).locator('.chart-so-far');
  await says(soFar, /^\d\d:\d\d so far/);
  const top = (await soFar.boundingBox())?.y;
  const completed = soFar.getByRole('cell').nth(1);
  const queue = page.locator('.queues tr', { hasText: 'busy' });
  const deadline = Date.now() + 2 * PATIENCE_MS;
  // Again and again, because a minute may end between a job's completion and the next look.
  while ((await queue.count()) === 0 || !/^[1-9]/.test((await completed.textContent()) ?? '')) {
    assert.ok(Date.now() < deadline, 'Home shows neither the queue nor what is completed so far, or one only');
    it.board.sql(`INSERT INTO tailboard.jobs (kind, queue) VALUES ('b.usy', 'busy');
                  UPDATE tailboard.jobs SET status = 'in_progress' WHERE kind = 'b.usy' AND status = 'pending';
                  UPDATE tailboard.jobs SET status = 'completed' WHERE kind = 'b.usy' AND status = 'in_progress'`);
  }
  assert.equal((await soFar.boundingBox())?.y, top, 'the figures have moved');
});

test('the tail is paused, filtered and opened', async () => {
  const page = await it.open('/live');
  await live(page);
  const event = (id: number, type = 'job_created') => page.locator(`.event[data-event="${type}"]`, { hasText: `${id} tail.me` });
  const first = it.board.insert({ kind: 'tail.me', queue: 'heads' });
  await event(first).waitFor();

  await page.keyboard.press('Space');
  const second = it.board.insert({ kind: 'tail.me', queue: 'tails' });
  await says(page.locator('.page-head'), '1 more since');
  assert.equal(await event(second).count(), 0);
  await page.keyboard.press('Space');
  await event(second).waitFor();

  await page.keyboard.press('/');
  await page.keyboard.type('heads');
  await event(second).waitFor({ state: 'detached' });
  assert.equal(await event(first).count(), 1);
  it.board.sql(`UPDATE tailboard.jobs SET status = 'failed', error = 'it broke' WHERE id = ${first}`);
  await says(event(first, 'job_failed'), 'it broke');
  await page.getByRole('button', { name: 'Failed', exact: true }).click();
  await event(first).waitFor({ state: 'detached' });

  const details = page.getByRole('button', { name: `Failed tail.me ${first}: details` });
  await details.click();
  await says(event(first, 'job_failed').locator('.json'), 'error: "it broke"');
  await details.click();
  await event(first, 'job_failed').locator('.json').waitFor({ state: 'detached' });
});

test('space presses the button that has the focus, and elsewhere pauses the tail', async () => {
  const page = await it.open('/live');
  await live(page);
  const pause = page.getByRole('button', { name: /^(Pause|Go on)$/ });
  const failed = page.getByRole('group', { name: 'Event types' }).getByRole('button', { name: 'Failed' });
  await failed.focus();
  await page.keyboard.press('Space');
  assert.equal(await failed.getAttribute('aria-pressed'), 'true');
  assert.equal(await pause.getAttribute('aria-pressed'), 'false');
  await failed.blur();
  await page.keyboard.press('Space');
  assert.equal(await pause.getAttribute('aria-pressed'), 'true');
  await pause.focus();
  await page.keyboard.press('Space');
  assert.equal(await pause.getAttribute('aria-pressed'), 'false');
});

test('a filter that takes the events from under the pointer, and the open one, holds nothing back', async () => {
  const page = await it.open('/live');
  await live(page);
  const first = page.locator('.event', { hasText: `${it.board.insert({ kind: 'read.now' })} read.now` });
  await first.hover();
  await first.getByRole('button').click();
  await page.keyboard.press('/');
  await page.keyboard.type('comes.later');
  await says(page.locator('.empty'), 'Nothing matches');
  const later = it.board.insert({ kind: 'comes.later' });
  await page.locator('.event', { hasText: `${later} comes.later` }).waitFor();
});

test('a worker that is lost is told with the jobs that it holds', async () => {
  const id = it.board.insert({ kind: 'stranded', status: 'in_progress', worker: 'w-lost' });
  it.board.sql("SELECT tailboard.heartbeat('w-lost', '{}'), tailboard.heartbeat('w-well', '{}')");
  it.board.sql("UPDATE tailboard.workers SET seen_at = clock_timestamp() - interval '10 min' WHERE name = 'w-lost'");
  const page = await it.open('/workers');
  await says(page.locator('[data-worker="w-lost"]'), 'Lost');
  await says(page.locator('[data-worker="w-lost"]'), `${id} stranded`);
  await says(page.locator('[data-worker="w-well"]'), 'Idle');
  await says(page.locator('.note'), '1 job is held by workers that no longer answer');
  const home = await it.open('/');
  await says(home.locator('.workers-count'), /1 alive, 1 lost/);
  await page.locator('.note').getByRole('link', { name: 'Show them' }).click();
  await row(page, id).waitFor();
  await page.waitForURL(/\/queue\?status=in_progress&worker=w-lost$|\/queue\?worker=w-lost&status=in_progress$/);
});

test('a worker that sends no heartbeat is counted as such, and not as alive', async () => {
  it.board.insert({ kind: 'unseen', status: 'in_progress', worker: 'w-unseen' });
  const page = await it.open('/workers');
  await says(page.locator('[data-worker="w-unseen"]'), 'Sends no heartbeat');
  await says(page.locator('.page-head'), /\d alive, \d lost, \d without a heartbeat$/);
  const home = await it.open('/');
  await says(home.locator('.workers-count'), /, \d without a heartbeat$/);
  it.board.sql("DELETE FROM tailboard.jobs WHERE kind = 'unseen'");
});

test('where the workers cannot be read Home says so', async () => {
  const page = await it.prepare();
  const title = 'PostgreSQL is not available: none answers';
  await page.route('**/api/workers', (route) => route.fulfill({ status: 503, json: { title, status: 503 } }));
  await page.goto(it.board.url);
  await says(page.locator('.note'), title);
});

test('a job that is not there is said to be missing, and appears when it is created', async () => {
  const page = await it.open('/jobs/jobs/424242');
  await says(page.locator('.empty'), 'No job 424242 in jobs');
  await live(page);
  it.board.insert({ id: '424242', kind: 'late.comer' });
  await says(page.locator('.job-head'), 'late.comer 424242');
  await page.goto(`${it.board.url}/no/such/page`);
  await says(page.locator('.empty'), 'There is no such page');
});

test('times are local, with the exact one on hover', async () => {
  const id = it.board.insert({ kind: 'on.time', created_at: '2026-01-02 03:04:05.678+00' });
  const page = await it.open('/queue', { timezoneId: 'Asia/Tokyo' });
  await row(page, id).waitFor();
  const title = await row(page, id).locator('time').getAttribute('title');
  assert.match(title ?? '', /2 Jan 2026.*12:04:05\.678/);
});

test('the statuses of a filtered list are counted for its queue, and not at all for what nobody counts', async () => {
  it.board.insert({ kind: 'count.me', queue: 'elsewhere' });
  const [first] = [1, 2, 3].map(() => it.board.insert({ kind: 'count.me', queue: 'counted' }));
  const page = await it.open('/queue?queue=counted');
  const status = (word: string) => page.getByRole('group', { name: 'Status' }).getByRole('button', { name: word });
  await says(status('Pending'), /^Pending3$/);
  it.board.sql(`UPDATE tailboard.jobs SET status = 'in_progress' WHERE id = ${first}`);
  await says(status('Pending'), /^Pending2$/);
  await says(status('In progress'), /^In progress1$/);
  await page.goto(`${it.board.url}/queue?queue=counted&kind=count.me`);
  await says(page.locator('h1'), 'Queue');
  await row(page, first ?? 0).waitFor();
  assert.equal(await status('Pending').textContent(), 'Pending');
});

test('of very many queues Home shows the largest and says how many there are, and each can still be asked for', async () => {
  it.board.sql(`INSERT INTO tailboard.jobs (kind, queue)
    SELECT 'crowd', 'crowd-' || i % 250 FROM generate_series(1, 500) AS i`);
  it.board.insert({ kind: 'crowd', queue: 'crowd-of-one' });
  const page = await it.open('/');
  await says(page.locator('.home-side'), /and 2\d\d more/);
  assert.equal(await page.locator('.queues tbody tr').count(), 8);
  await page.goto(`${it.board.url}/queue?queue=crowd-of-one`);
  const status = (word: string) => page.getByRole('group', { name: 'Status' }).getByRole('button', { name: word });
  await says(status('Pending'), /^Pending1$/);
  await page.getByRole('button', { name: 'Remove filter Queue crowd-of-one' }).click();
  await says(status('Pending'), /^Pending[,\d]{3,}$/);
});

test('of very many workers the first are shown, and the others on demand', async () => {
  it.board.sql(`INSERT INTO tailboard.workers (name) SELECT 'crowd-' || lpad(i::text, 4, '0') FROM generate_series(1, 250) AS i`);
  const page = await it.open('/workers');
  await says(page.locator('.page-head'), /2\d\d alive/);
  const cards = page.locator('.workers-list > li');
  assert.equal(await cards.count(), 100);
  await page.getByRole('button', { name: /Show more of the other 1\d\d/ }).click();
  await page.locator('.workers-list > li').nth(199).waitFor();
  assert.equal(await cards.count(), 200);
  it.board.sql(`DELETE FROM tailboard.workers WHERE name LIKE 'crowd-%'`);
});

test('of very many jobs of one worker the newest are shown, now and then, and the Queue has all', async () => {
  it.board.sql(`INSERT INTO tailboard.jobs (kind, status, worker) SELECT 'much', 'in_progress', 'w-greedy' FROM generate_series(1, 25)`);
  const page = await it.open('/workers');
  await live(page);
  const card = page.locator('[data-worker="w-greedy"]');
  await card.getByRole('link', { name: 'and 15 more' }).waitFor();
  assert.equal(await card.locator('.job-line').count(), 10);
  await answers(it.board, 'SELECT count(*) FROM tailboard.ticks WHERE seqs @> (SELECT max(seq) FROM tailboard.changes)', '1');
  await page.goto(`${it.board.url}/workers?as_of=${it.board.sql('SELECT tailboard.cursor()')}`);
  await card.getByRole('link', { name: 'and 15 more' }).click();
  await says(page.locator('[data-row-count]'), '25 jobs');
  it.board.sql(`DELETE FROM tailboard.jobs WHERE worker = 'w-greedy'`);
});

test('columns that somebody added to the table are among the facts of a job', async () => {
  it.board.sql('ALTER TABLE tailboard.jobs ADD COLUMN tenant text, ADD COLUMN plan jsonb');
  const id = it.board.insert({ kind: 'own.columns', tenant: 'Bakery Ltd', plan: '{"seats": 3}' });
  const page = await it.open(`/jobs/jobs/${id}`);
  await says(page.locator('.job-facts'), /tenant\s*Bakery Ltd/);
  await says(page.locator('.job-facts'), /plan\s*\{"seats":3\}/);
  it.board.sql(`UPDATE tailboard.jobs SET tenant = NULL, progress = 0.1 WHERE id = ${id}`);
  await page.locator('.job-facts', { hasNotText: 'tenant' }).waitFor();
  it.board.sql('ALTER TABLE tailboard.jobs DROP COLUMN tenant, DROP COLUMN plan');
});

test('a browser whose clock is wrong tells the server’s time', async () => {
  const due = it.board.insert({ kind: 'on.due', status: 'scheduled', scheduled_at: new Date(Date.now() + 300_000).toISOString() });
  const page = await it.prepare();
  await page.addInitScript(() => {
    const right = Date.now;
    Date.now = () => right() + 3_600_000;
  });
  await page.goto(`${it.board.url}/queue?q=on.due`);
  await says(row(page, due), /in [45] min/);
  await says(row(page, due), 'Scheduled');
  await row(page, due).locator('a').first().click();
  await says(page.locator('.job-head'), 'Scheduled');
});

test('whatever a worker writes, no page breaks over it', async () => {
  const strange: readonly Readonly<Record<string, string>>[] = [
    { started_at: '-infinity', finished_at: 'infinity', status: 'completed' },
    { scheduled_at: 'infinity', status: 'scheduled' },
    { created_at: '0044-03-15 BC', started_at: '12000-01-01', status: 'in_progress' },
    { phases: '[null, 7, "pack", [], {}, {"name": {"a": 1}, "status": 5, "progress": "half", "message": ["x"]}]' },
    { phases: '[{"name": "send", "status": "running", "started_at": "yesterday"}]' },
    { tags: '{a,NULL}' },
    { tags: '{{a,b},{c,d}}' },
    { queue: '', kind: '', worker: '', status: 'in_progress' },
    { error: 'x'.repeat(30_000), status: 'failed' },
    { payload: '[[[[{"": null}]]]]', result: '"text"' },
  ];
  const page = await it.open('/live');
  await live(page);
  const ids = strange.map((columns) => it.board.insert({ kind: 'strange', queue: 'strange', ...columns }));
  for (const id of ids) it.board.sql(`UPDATE tailboard.jobs SET priority = 1 WHERE id = ${id}`);
  const stands = async (what: string) => {
    assert.equal(await page.getByText('cannot be shown').count(), 0, what);
  };
  await page.locator('.event').filter({ hasText: `${ids.at(-1)}` }).first().waitFor();
  await stands('/live');
  const orders = ['newest', 'oldest', 'priority', 'started', 'finished'].map((sort) => `/queue?queue=strange&sort=${sort}`);
  for (const path of ['/', '/workers', '/queue', ...orders]) {
    await page.goto(`${it.board.url}${path}`);
    await live(page);
    if (path.includes('sort')) await row(page, ids[0] ?? 0).waitFor();
    await stands(path);
  }
  for (const [place, id] of ids.entries()) {
    await page.goto(`${it.board.url}/jobs/jobs/${id}`);
    await page.locator('.moment').nth(1).waitFor();
    await stands(JSON.stringify(strange[place]));
  }
  await page.goto(`${it.board.url}/jobs/jobs/${ids[3]}`);
  await says(page.locator('.phases'), 'pack');
  await page.goto(`${it.board.url}/jobs/jobs/${ids[0]}`);
  await says(page.locator('.job-facts'), '-infinity');
});

test('text that is empty is shown as none, and can be filtered by', async () => {
  const nothing = { kind: '', queue: '', worker: '', phase: '', error: '' };
  const failed = it.board.insert({ ...nothing, status: 'failed' });
  const page = await it.open(`/jobs/jobs/${failed}`);
  await says(page.locator('.job-head h1'), `jobs ${failed}`);
  await says(page.locator('.job-facts'), 'no queue');
  assert.equal(await page.locator('.job-error').count(), 0);
  await page.getByRole('link', { name: 'no queue' }).click();
  await says(row(page, failed), `${failed} jobs`);
  await page.getByRole('button', { name: 'Remove filter Queue empty' }).click();
  await page.waitForURL(/\/queue$/);
});

test('an address that no job can have says why, and fits its page', async () => {
  const page = await it.open(`/jobs/jobs/${'9'.repeat(600)}`);
  await says(page.locator('.empty'), 'longer than 500 characters');
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  await page.goto(`${it.board.url}/jobs/nobody/1`);
  await says(page.locator('.empty'), 'no source');
  it.assertNoComplaints(/404 \(Not Found\)|400 \(Bad Request\)/);
});

test('text from right to left leaves what stands around it in its order', async () => {
  const id = it.board.insert({ kind: 'rtl', queue: 'ישן', payload: '{"מפתח": "ערך"}' });
  it.board.sql(`UPDATE tailboard.jobs SET queue = 'חדש' WHERE id = ${id}`);
  const page = await it.open(`/jobs/jobs/${id}`);
  const left = async (selector: string) => (await page.locator(selector).first().boundingBox())?.x ?? Number.NaN;
  await says(page.locator('.changes-new'), 'חדש');
  assert.ok((await left('.changes-old')) < (await left('.changes-new')));
  assert.ok((await left('.json-key')) < (await left('.json-string')));
});

test('on paper a job is whole, and without what can only be pressed', async () => {
  const id = it.board.insert({ kind: 'printed', status: 'failed', error: 'line\n'.repeat(200) });
  const page = await it.open(`/jobs/jobs/${id}`);
  const error = page.locator('.job-error');
  await error.waitFor();
  await page.emulateMedia({ media: 'print' });
  for (const pressed of ['.skip', '.nav', '.top', '.job-actions']) await page.locator(pressed).waitFor({ state: 'hidden' });
  assert.equal(await error.evaluate(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight), 0);
});

test('filters of every kind and the order are in the address', async () => {
  const made = [
    { kind: 'f.one', queue: 'f-a', worker: 'f-w', tags: '{red}', status: 'in_progress', priority: '1' },
    { kind: 'f.one', queue: 'f-a', worker: 'f-w', tags: '{red}', status: 'in_progress', priority: '9' },
    { kind: 'f.two', queue: 'f-a', worker: 'f-w', tags: '{red}', status: 'in_progress', priority: '5' },
    { kind: 'f.one', queue: 'f-b', worker: 'f-w', tags: '{blue}', status: 'in_progress', priority: '5' },
  ].map((job) => it.board.insert(job));
  const page = await it.open('/queue');
  await live(page);
  for (const [facet, value, param] of [
    ['queue', 'f-a', 'queue=f-a'],
    ['kind', 'f.one', 'kind=f.one'],
    ['worker', 'f-w', 'worker=f-w'],
    ['tags', 'red', 'tags=red'],
  ] as const) {
    await page.getByLabel('Filter by', { exact: true }).selectOption(facet);
    await page.getByLabel(/ to filter by$/).fill(value);
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.search.includes(param));
  }
  await page.locator('[data-row-count="2"]').waitFor();
  await page.getByLabel('Order').selectOption('priority');
  await page.waitForURL(/sort=priority/);
  const order = () => page.locator('[data-job]').evaluateAll((rows) => rows.map((each) => each.getAttribute('data-job')));
  await page.locator(`[data-job="jobs/${made[1]}"][aria-rowindex="2"]`).waitFor();
  await page.reload();
  await page.locator('[data-row-count="2"]').waitFor();
  assert.deepEqual(await order(), [`jobs/${made[1]}`, `jobs/${made[0]}`]);
  await page.getByRole('button', { name: 'Remove filter Kind f.one' }).click();
  await page.locator('[data-row-count="3"]').waitFor();
});
