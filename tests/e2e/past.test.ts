/** The board as it stood: moved by slider, steps, links and keys, on every page, and back to now. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Page } from 'playwright-core';
import { answers, live, row, says, stage } from './harness.ts';

const it = stage();
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints(/404 \(Not Found\)|410 \(Gone\)|400 \(Bad Request\)/);
});

/** Where the log ends, once the server has told of everything that is committed. */
async function head(): Promise<string> {
  const newest = it.board.sql('SELECT coalesce(max(seq), 0) FROM tailboard.changes');
  for (;;) {
    const sealed = it.board.sql(`SELECT count(*) FROM tailboard.ticks WHERE seqs @> ${newest}::bigint`);
    const { cursor } = (await (await fetch(`${it.board.url}/api/stats`)).json()) as { cursor: string };
    const [epoch, position] = it.board.sql('SELECT tailboard.cursor()').split('.');
    if (sealed === '1' && cursor === `${epoch}.${position}`) return cursor;
  }
}

const said = (page: Page) => page.locator('.timebar-said');

test('every page shows what stood then, hides actions, and returns to what is now', async () => {
  const id = it.board.insert({ kind: 'time.traveller', queue: 'travel' });
  it.board.sql(`UPDATE tailboard.jobs SET status = 'in_progress', worker = 'w-then', progress = 0.25 WHERE id = ${id}`);
  const then = await head();
  it.board.sql(`UPDATE tailboard.jobs SET status = 'failed', error = 'it broke later' WHERE id = ${id}`);
  const later = it.board.insert({ kind: 'not.yet.born', queue: 'travel' });
  await head();

  const page = await it.open('/queue?queue=travel');
  await live(page);
  await says(row(page, id), 'Failed');
  await row(page, later).waitFor();
  await page.goto(`${it.board.url}/queue?queue=travel&as_of=${then}`);
  await says(said(page), 'The board as it stood');
  await says(row(page, id), 'In progress');
  await says(row(page, id), '25 %');
  assert.equal(await row(page, later).count(), 0);
  assert.equal(await page.getByRole('checkbox').count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Act on all that match' }).count(), 0);
  assert.equal(await page.title(), 'Queue in the past · Tailboard');

  // What happens now does not reach into the past.
  const now = it.board.insert({ kind: 'happens.now', queue: 'travel' });
  await head();
  await live(page);
  assert.equal(await row(page, now).count(), 0);

  // Every link stays at the moment.
  await row(page, id).getByRole('link').click();
  await page.waitForURL(new RegExp(`/jobs/jobs/${id}\\?as_of=`));
  await says(page.locator('.job-head'), 'In progress');
  assert.equal(await page.locator('.job-error').count(), 0);
  await page.locator('.moment[data-event="job_created"]').waitFor();
  assert.equal(await page.locator('.moment').count(), 2);
  assert.equal(await page.locator('.job-actions').count(), 0);
  await page.getByRole('link', { name: 'Home' }).click();
  await says(page.locator('.job-line', { hasText: 'time.traveller' }), 'In progress');
  await says(page.locator('[data-stat="in_progress"]'), /^1$/);
  await says(page.locator('[data-stat="failed"]'), /^0$/);
  await says(page.locator('.worker-line'), 'w-then');
  await page.getByRole('link', { name: 'Workers', exact: true }).click();
  await says(page.locator('[data-worker="w-then"]'), `${id} time.traveller`);
  await page.getByRole('link', { name: 'Live' }).click();
  await says(page.locator('.page-head'), 'Paused');
  await says(page.locator('.event').first(), 'time.traveller');
  assert.equal(await page.locator('.event[data-event="job_failed"]').count(), 0);
  await page.getByRole('link', { name: 'Sources' }).click();
  await says(page.locator('.note'), 'Sources have no past');
  await page.reload();
  await says(said(page), 'The board as it stood');

  await page.goto(`${it.board.url}/jobs/jobs/${later}?as_of=${then}`);
  await says(page.locator('.empty'), `There was no job ${later} in jobs`);

  await page.goto(`${it.board.url}/queue?queue=travel&as_of=${then}`);
  await page.getByRole('button', { name: 'Now' }).click();
  await page.waitForURL(/\/queue\?queue=travel$/);
  await says(row(page, id), 'Failed');
  await row(page, now).waitFor();
  await page.getByRole('checkbox').first().waitFor();
  const after = it.board.insert({ kind: 'live.again', queue: 'travel' });
  await row(page, after).waitFor();
});

test('by keyboard alone: into the past, change by change, along the slider, and back', async () => {
  const id = it.board.insert({ kind: 'step.by.step', queue: 'steps' });
  it.board.sql(`UPDATE tailboard.jobs SET status = 'in_progress' WHERE id = ${id}`);
  it.board.sql(`UPDATE tailboard.jobs SET status = 'completed' WHERE id = ${id}`);
  const end = await head();
  const page = await it.open('/queue?queue=steps');
  await live(page);
  await says(row(page, id), 'Completed');
  await page.keyboard.press('b');
  await page.waitForURL(new RegExp(`as_of=${end.replace('.', '\\.')}`));
  const slider = page.getByRole('slider', { name: 'Moment' });
  await page.waitForFunction(() => document.activeElement?.getAttribute('type') === 'range');
  await page.getByRole('heading', { name: 'Queue' }).click(); // away from the slider: the keys work anywhere
  await says(said(page), end);
  await page.keyboard.press(',');
  await says(row(page, id), 'In progress');
  await page.keyboard.press(',');
  await says(row(page, id), 'Pending');
  await page.keyboard.press(',');
  await says(page.locator('.empty'), 'Nothing matches');
  await page.keyboard.press('.');
  await says(row(page, id), 'Pending');

  await slider.focus();
  await page.keyboard.press('End');
  await page.waitForURL(/as_of=2/);
  await says(row(page, id), 'Completed');
  await page.keyboard.press('Home');
  await says(page.locator('.empty'), 'Nothing matches');
  assert.equal(await page.locator('.timebar-error').count(), 0);
  await page.keyboard.press('b');
  await says(row(page, id), 'Completed');
  await page.locator('.timebar').waitFor({ state: 'detached' });
});

test('what somebody has just done to a job does not show before it was done', async () => {
  const id = it.board.insert({ kind: 'done.now', queue: 'deeds', status: 'failed' });
  const before = await head();
  const page = await it.open('/queue?queue=deeds');
  await live(page);
  await row(page, id).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('r');
  await says(row(page, id), 'Pending');
  await answers(it.board, `SELECT status FROM tailboard.jobs WHERE id = ${id}`, 'pending');
  await head();
  await page.keyboard.press('b');
  await page.locator('.timebar').waitFor();
  await page.getByRole('heading', { name: 'Queue' }).click(); // away from the slider
  await page.keyboard.press(',');
  await says(said(page), before);
  // An action is believed for ten seconds.
  await row(page, id).filter({ hasText: 'Failed' }).waitFor({ timeout: 5_000 });
});

test('a timeline leads to the job as it stood at each of its events, and "back" returns', async () => {
  const id = it.board.insert({ kind: 'look.back', payload: '{"pages": 3}' });
  it.board.sql(`UPDATE tailboard.jobs SET status = 'in_progress', progress = 0.5 WHERE id = ${id}`);
  it.board.sql(`UPDATE tailboard.jobs SET status = 'completed', result = '{"ok": true}' WHERE id = ${id}`);
  await head();
  const page = await it.open(`/jobs/jobs/${id}`);
  await says(page.locator('.job-head'), 'Completed');
  await page.getByRole('link', { name: /As it stood then: Started/ }).click();
  await page.waitForURL(/as_of=/);
  await says(page.locator('.job-head'), 'In progress');
  await says(page.locator('.job-progress'), '50 %');
  await says(page.locator('.json').first(), 'pages: 3');
  assert.equal(await page.getByRole('heading', { name: 'Result' }).count(), 0);
  await page.getByRole('link', { name: /As it stood then: Created/ }).click();
  await says(page.locator('.job-head'), 'Pending');
  await page.goBack();
  await says(page.locator('.job-head'), 'In progress');
  await page.goBack();
  await says(page.locator('.job-head'), 'Completed');
  await page.locator('.timebar').waitFor({ state: 'detached' });
});

test('a job that is deleted by now is there in the past', async () => {
  const id = it.board.insert({ kind: 'gone.by.now', queue: 'gone' });
  const then = await head();
  it.board.sql(`DELETE FROM tailboard.jobs WHERE id = ${id}`);
  await head();
  const page = await it.open(`/queue?queue=gone&as_of=${then}`);
  await says(row(page, id), 'Pending');
  await row(page, id).getByRole('link').click();
  await says(page.locator('.job-head'), 'gone.by.now');
});

test('a moment that is none is said so, and now is one press away', async () => {
  const page = await it.open('/queue?as_of=yesterday');
  await says(page.locator('.timebar'), "'yesterday' is not a moment");
  await page.goto(`${it.board.url}/queue?as_of=2001-01-01T00:00:00Z`);
  await says(page.locator('.timebar'), 'the log does not reach back that far');
  await page.getByRole('button', { name: 'Now' }).click();
  await live(page);
  await page.locator('.jobs, .empty').first().waitFor();
});

test('a moment that the log does not hold is refused in a sentence, and not to be tried again', async () => {
  const page = await it.open('/?as_of=9.9');
  const refused = page.locator('.timebar-error');
  await says(refused, /^The log does not hold 9\.9: it is of another database, .* Choose another moment\.$/);
  assert.equal(await refused.getByRole('button').count(), 0);
});

test('who looks into the past is not told in passing what ends now, also not afterwards', async () => {
  const [first, second] = [it.board.insert({ kind: 'ends.now' }), it.board.insert({ kind: 'ends.later' })];
  const then = await head();
  const page = await it.prepare();
  await page.addInitScript(() => {
    const words: string[] = [];
    Object.assign(window, { words });
    new MutationObserver(() => words.push(...[...document.querySelectorAll('.toast')].map((it) => it.textContent))).observe(
      document,
      { childList: true, subtree: true },
    );
  });
  await page.goto(`${it.board.url}/queue?as_of=${then}`);
  await says(said(page), 'The board as it stood');
  await live(page);
  const other = await page.context().newPage();
  await other.goto(`${it.board.url}/queue`);
  await live(other);
  it.board.sql(`UPDATE tailboard.jobs SET status = 'failed' WHERE id = ${first}`);
  await says(other.locator('.toast'), `ends.now ${first} failed`); // the connection of both has brought it
  await page.keyboard.press('b');
  await says(row(page, first), 'Failed');
  it.board.sql(`UPDATE tailboard.jobs SET status = 'failed' WHERE id = ${second}`);
  await says(page.locator('.toast'), `ends.later ${second} failed`);
  const words = await page.evaluate(() => Reflect.get(window, 'words') as string[]);
  assert.deepEqual(words.filter((text) => text.includes('ends.now')), []);
});
