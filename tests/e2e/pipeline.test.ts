/** SQL typed into psql, seen on every page that should show it. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { live, row, says, stage } from './harness.ts';

const it = stage();
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints();
});

test('an UPDATE typed into psql appears in an open browser without a reload', async () => {
  const id = it.board.insert({ kind: 'report.monthly' });
  const page = await it.open('/queue');
  await live(page);
  await says(row(page, id), 'Pending');
  await page.evaluate(() => Object.assign(window, { loadedOnce: true }));
  const began = Date.now();
  it.board.sql(`UPDATE tailboard.jobs SET status = 'in_progress', progress = 0.4, phase = 'collect' WHERE id = ${id}`);
  await says(row(page, id), 'In progress');
  await says(row(page, id), 'collect 40 %');
  assert.ok(Date.now() - began < 3_000);
  assert.equal(await page.evaluate(() => 'loadedOnce' in window), true);
});

test('a job’s whole life is followed on every page', async () => {
  const [home, queue, livePage, workers] = await Promise.all([
    it.open('/'),
    it.open('/queue'),
    it.open('/live'),
    it.open('/workers'),
  ]);
  await Promise.all([home, queue, livePage, workers].map(live));
  const id = it.board.insert({ kind: 'life.story', queue: 'lives' });
  const job = await it.open(`/jobs/jobs/${id}`);
  await live(job);
  const update = (set: string) => it.board.sql(`UPDATE tailboard.jobs SET ${set} WHERE id = ${id}`);
  const everywhere = async (word: string, event: string) => {
    await Promise.all([
      says(row(queue, id), word),
      says(home.locator('.job-line', { hasText: 'life.story' }), word),
      says(job.locator('.job-head'), word),
      says(job.locator(`.moment[data-event="${event}"]`).first(), ''),
      livePage.locator(`.event[data-event="${event}"]`, { hasText: `${id} life.story` }).first().waitFor(),
    ]);
  };
  await everywhere('Pending', 'job_created');
  update("status = 'in_progress', worker = 'w-1'");
  await everywhere('In progress', 'job_started');
  await says(workers.locator('[data-worker="w-1"]'), `${id} life.story`);
  update(
    `progress = 0.5, phase = 'second', phases = '[{"name":"first","status":"completed","progress":1},{"name":"second","status":"in_progress","progress":0.5}]'`,
  );
  await says(job.locator('.phase', { hasText: 'second' }), 'In progress');
  await says(job.locator('.job-progress'), '50 %');
  await says(row(queue, id), 'second 50 %');
  for (const page of [home, workers]) {
    await page.locator(`.job-line [aria-label="Progress of job ${id}"][aria-valuenow="50"]`).waitFor();
  }
  await livePage.locator('.event', { hasText: `${id} life.story` }).filter({ hasText: '50 % second' }).waitFor();
  update("status = 'failed', error = 'it broke'");
  await everywhere('Failed', 'job_failed');
  await says(job.locator('.job-error'), 'it broke');
  await says(job.locator('.moment[data-event="job_failed"] .changes'), /status.*in_progress.*failed.*error.*it broke/s);
  await says(queue.locator('.toast'), 'failed');
  await workers.locator('[data-worker="w-1"] .job-line').waitFor({ state: 'detached' });
  update("status = 'cancelled'");
  await everywhere('Cancelled', 'job_updated');
  update("status = 'pending', error = null");
  await everywhere('Pending', 'job_updated');
  update("status = 'in_progress', worker = 'w-1'");
  await everywhere('In progress', 'job_started');
  update(`status = 'completed', result = '{"pages": 3}'`);
  await everywhere('Completed', 'job_completed');
  await says(job.locator('.json'), 'pages: 3');
  await says(job.locator('.attempts li').first(), 'Completed');
  await says(queue.locator('.toast'), 'completed');
  it.board.sql(`DELETE FROM tailboard.jobs WHERE id = ${id}`);
  await Promise.all([
    says(job.locator('.note'), 'its row is gone'),
    row(queue, id).waitFor({ state: 'detached' }),
    home.locator('.job-line', { hasText: 'life.story' }).waitFor({ state: 'detached' }),
    says(home.locator('[data-stat="completed"]'), /^0$/),
    livePage.locator('.event[data-event="job_deleted"]', { hasText: `${id} life.story` }).first().waitFor(),
    says(job.locator('.moment[data-event="job_deleted"]'), 'Deleted'),
  ]);
});

test('counts on Home are those of the database', async () => {
  const home = await it.open('/');
  await live(home);
  it.board.sql("INSERT INTO tailboard.jobs (kind, status) SELECT 'count.me', 'paused' FROM generate_series(1, 7)");
  await says(home.locator('[data-stat="paused"]'), /^7$/);
  it.board.sql("UPDATE tailboard.jobs SET status = 'cancelled' WHERE kind = 'count.me' AND id % 2 = 0");
  const paused = it.board.sql("SELECT count(*) FROM tailboard.jobs WHERE status = 'paused'");
  await says(home.locator('[data-stat="paused"]'), new RegExp(`^${paused}$`));
});

test('a job cancelled by SQL leaves a list of pending ones', async () => {
  const id = it.board.insert({ kind: 'short.lived', queue: 'filtered' });
  const page = await it.open('/queue?queue=filtered&status=pending');
  await says(row(page, id), 'short.lived');
  it.board.sql(`UPDATE tailboard.jobs SET status = 'cancelled' WHERE id = ${id}`);
  await row(page, id).waitFor({ state: 'detached' });
});

test('what comes to hold the searched text appears by itself, and what no longer holds it goes', async () => {
  const page = await it.open('/queue?q=Needle');
  await live(page);
  await says(page.locator('.empty'), 'Nothing matches');
  it.board.insert({ kind: 'hay' });
  const id = it.board.insert({ kind: 'stitch', status: 'failed', error: 'lost a needle' });
  await says(row(page, id), 'lost a needle');
  assert.equal(await page.locator('.waiting').count(), 0);
  assert.equal(await page.locator('[data-job]').count(), 1);
  it.board.sql(`UPDATE tailboard.jobs SET error = NULL, status = 'pending' WHERE id = ${id}`);
  await row(page, id).waitFor({ state: 'detached' });
});

test('a worker and what it does are on Workers, and on Sources the table is healthy', async () => {
  it.board.sql(`SELECT tailboard.heartbeat('w-9', '{"host": "here"}')`);
  const id = it.board.insert({ kind: 'held.job', status: 'in_progress', worker: 'w-9' });
  const page = await it.open('/workers');
  await says(page.locator('[data-worker="w-9"]'), `${id} held.job`);
  await says(page.locator('[data-worker="w-9"]'), 'Alive');
  await page.goto(`${it.board.url}/sources`);
  await says(page.locator('[data-source="jobs"]'), 'Healthy');
});

test('while the pointer is on the list new jobs wait behind a button', async () => {
  const page = await it.open('/queue?queue=calm');
  const first = it.board.insert({ kind: 'first.one', queue: 'calm' });
  await row(page, first).hover();
  const second = it.board.insert({ kind: 'second.one', queue: 'calm' });
  const button = page.locator('.waiting');
  await says(button, '1 new');
  assert.equal(await row(page, second).count(), 0);
  const { x, y, width, height } = (await button.boundingBox()) ?? assert.fail('the button is not drawn');
  await page.mouse.move(x + width / 2, y + height / 2, { steps: 20 });
  // What is inserted later is told later: the list has had the time to let go, had the way there done it.
  it.board.insert({ kind: 'third.one', queue: 'calm' });
  await says(button, '2 new');
  await page.mouse.down();
  await page.mouse.up();
  await row(page, second).waitFor();
});
