/** The filter of Live: in the address, told from an idle board, and shown while the first answer is slow. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { live, says, stage } from './harness.ts';

const it = stage();
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints();
});

test('what is filtered is in the address, survives a reload, and "back" undoes it', async () => {
  const first = it.board.insert({ kind: 'shared.one' });
  it.board.insert({ kind: 'other' });
  it.board.sql(`UPDATE tailboard.jobs SET status = 'failed' WHERE id = ${first}`);
  const page = await it.open('/live');
  await live(page);
  await page.locator('.event', { hasText: 'other' }).waitFor();
  await page.getByRole('button', { name: 'Failed', exact: true }).click();
  await page.waitForURL(/\/live\?type=job_failed$/);
  await page.getByRole('searchbox').fill('shared one');
  await page.waitForURL((url) => url.searchParams.get('q') === 'shared one');
  await says(page.locator('.empty'), 'Nothing matches');
  await page.getByRole('searchbox').fill('shared.one');
  await page.locator('.event').waitFor();
  await page.reload();
  await page.locator('.event').waitFor();
  assert.equal(await page.locator('.event').count(), 1);
  assert.equal(await page.getByRole('button', { name: 'Failed', exact: true }).getAttribute('aria-pressed'), 'true');
  await page.goBack();
  await page.locator('.event', { hasText: 'other' }).waitFor();
});

test('what comes by the feed before the first answer takes the place of what waits for it', async () => {
  const page = await it.prepare();
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await page.route('**/api/events?*', async (route) => {
    await asked;
    await route.continue();
  });
  await page.goto(`${it.board.url}/live`);
  await live(page);
  await page.locator('.live .skeleton').first().waitFor();
  const id = it.board.insert({ kind: 'comes.first' });
  await page.locator('.event', { hasText: `${id} comes.first` }).waitFor();
  assert.equal(await page.locator('.live .skeleton').count(), 0);
  answer();
});

test('at every width an event says what happened, and to which job', async () => {
  const id = it.board.insert({ kind: 'image.thumbnails', queue: 'a' });
  it.board.sql(`UPDATE tailboard.jobs SET status = 'in_progress' WHERE id = ${id}`);
  const page = await it.open('/live');
  const event = page.locator('[data-event="job_started"]', { hasText: `${id} image.thumbnails` });
  const what = event.locator('.event-what');
  await says(what, 'Pending → In progress');
  for (const width of [320, 360, 480, 481, 721, 768, 943, 944, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    for (const part of [what, event.locator('.event-job > .truncate')]) {
      const cut = await part.evaluate((it) => it.scrollWidth - it.clientWidth);
      assert.equal(cut, 0, `at ${width} px it is cut`);
    }
  }
});
