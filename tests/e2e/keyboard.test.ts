/** Where the focus is once what had it is gone: somewhere to go on from, never nowhere. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Page } from 'playwright-core';
import { answers, live, row, says, stage } from './harness.ts';

const it = stage();
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints();
});

/** Waits until the focus is at `selector`. */
async function focused(page: Page, selector: string): Promise<void> {
  await page.waitForFunction((wanted) => document.activeElement?.matches(wanted), selector);
}

test('after an action the next key press goes on at the actions', async () => {
  const id = it.board.insert({ kind: 'act.by.key' });
  const page = await it.open(`/jobs/jobs/${id}`);
  for (const [action, then] of [
    ['Pause', 'Paused'],
    ['Resume', 'Pending'],
    ['Cancel', 'Cancelled'],
  ] as const) {
    const button = page.getByRole('button', { name: action, exact: true });
    await button.focus();
    await page.keyboard.press('Enter');
    await says(page.locator('.job-head'), then);
    await button.waitFor({ state: 'detached' });
    await focused(page, '.job-actions');
    await page.keyboard.press('Tab');
    await focused(page, '.job-actions button');
  }
});

test('who opens a page is taken to its content, and a page that is only loaded takes nobody', async () => {
  const id = it.board.insert({ kind: 'open.by.key' });
  const page = await it.open('/queue?q=open.by.key');
  await live(page);
  await row(page, id).waitFor();
  await focused(page, 'body');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await says(page.locator('.job-head'), 'open.by.key');
  await focused(page, '#main');
  await page.keyboard.press('Tab');
  await focused(page, '.job-back');
  await page.keyboard.press('g');
  await page.keyboard.press('w');
  await says(page.locator('h1'), 'Workers');
  await focused(page, '#main');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('sources');
  await page.keyboard.press('Enter');
  await says(page.locator('h1'), 'Sources');
  await focused(page, '#main');
});

test('back from the past by its button, one goes on at the page', async () => {
  it.board.insert({ kind: 'look.back' });
  const page = await it.open(`/queue?as_of=${it.board.sql('SELECT tailboard.cursor()')}`);
  await page.getByRole('button', { name: 'Now' }).focus();
  await page.keyboard.press('Enter');
  await page.locator('.timebar').waitFor({ state: 'detached' });
  await focused(page, '#main');
});

test('quick presses in time are all counted', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind) SELECT 'quick' FROM generate_series(1, 30)");
  const page = await it.open('/queue');
  await live(page);
  await page.keyboard.press('b');
  await says(page.locator('.timebar-cursor'), /\d\.\d+/);
  const place = async () => Number(/\.(\d+)/.exec((await page.locator('.timebar-cursor').textContent()) ?? '')?.[1]);
  const from = await place();
  // The answers are held back, so that every further press comes before the one before is answered.
  await page.route('**/api/stats?*', async (route) => {
    await page.waitForURL((url) => url.searchParams.get('as_of') === `1.${from - 10}`);
    await route.continue();
  });
  await page.getByRole('heading', { name: 'Queue' }).click();
  for (let press = 0; press < 10; press += 1) await page.keyboard.press(',');
  await says(page.locator('.timebar-cursor'), `1.${from - 10}`);
  assert.equal(await place(), from - 10);
});

test('a browser that thinks itself offline is still shown what the server answers', async () => {
  it.board.sql("SELECT tailboard.heartbeat('w-near', '{}')");
  const page = await it.open('/queue');
  await live(page);
  await page.evaluate(() => {
    Object.defineProperty(navigator, 'onLine', { get: () => false });
    window.dispatchEvent(new Event('offline'));
  });
  await page.getByRole('link', { name: 'Workers', exact: true }).click();
  await page.locator('[data-worker="w-near"]').waitFor();
});

test('by keyboard alone: a failed job is found, its error read, and it is retried and seen to run', async () => {
  const id = it.board.insert({ kind: 'keys.only', queue: 'keys', status: 'failed', error: 'the disk is full' });
  const page = await it.open('/');
  await live(page);
  await page.keyboard.press('g');
  await page.keyboard.press('q');
  await page.waitForURL(/\/queue$/);
  await page.keyboard.press('/');
  await page.keyboard.type('keys.only');
  await page.waitForURL(/q=keys\.only/);
  await row(page, id).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('o');
  await says(page.locator('.job-error'), 'the disk is full');
  await page.keyboard.press('c'); // cannot be done to a job that has failed
  await page.keyboard.press('r');
  await says(page.locator('.job-head'), 'Pending');
  await answers(it.board, `SELECT status FROM tailboard.jobs WHERE id = ${id}`, 'pending');
  it.board.sql(`UPDATE tailboard.jobs SET status = 'in_progress' WHERE id = ${id}`);
  await says(page.locator('.job-head'), 'In progress');
});
