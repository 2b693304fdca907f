/** The list of jobs: searched, acted on, left and come back to, at every width. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Page } from 'playwright-core';
import { answers, live, row, says, stage } from './harness.ts';

const it = stage();
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints(/409 \(Conflict\)/);
});

/** What has the focus, in words: its label, or what it says. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement;
    return element?.getAttribute('aria-label') ?? element?.textContent ?? '';
  });
}

/** Changes jobs of a queue twenty times a second, as busy workers do, until it is told to stop. */
function busy(queue: string): () => Promise<void> {
  const worker = it.board.session();
  let working = true;
  const work = (async () => {
    while (working)
      await worker.run(`UPDATE tailboard.jobs SET priority = priority + 1 WHERE queue = '${queue}'; SELECT pg_sleep(0.05);`);
    worker.end();
  })();
  return () => {
    working = false;
    return work;
  };
}

test('a search is made while the jobs in sight change all the time', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue) SELECT 'churn', 'busy' FROM generate_series(1, 20)");
  it.board.insert({ kind: 'calm', queue: 'busy' });
  const page = await it.open('/queue?queue=busy');
  await live(page);
  const rest = busy('busy');
  try {
    await page.locator('[data-row-count="21"]').waitFor();
    await page.getByRole('searchbox').fill('calm');
    await page.locator('[data-row-count="1"]').waitFor();
  } finally {
    await rest();
  }
});

test('all that match are all, also beyond what a search looks at', async () => {
  it.board.sql(`
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'an.old.needle', 'deep' FROM generate_series(1, 60);
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'hay', 'deep' FROM generate_series(1, 10100);
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'a.new.needle', 'deep' FROM generate_series(1, 5)`);
  const page = await it.open('/queue?queue=deep&q=needle');
  await page.locator('[data-row-count="5"]').waitFor();
  await page.getByRole('button', { name: 'Act on all that match' }).click();
  await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).click();
  await says(page.locator('[data-dry-run]'), '65 jobs will be cancelled');
  await page.getByRole('button', { name: 'Cancel 65' }).click();
  await says(page.locator('.toast'), '65 jobs cancelled');
  assert.equal(
    it.board.sql("SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind) FROM (SELECT kind, count(*) n FROM tailboard.jobs WHERE status = 'cancelled' GROUP BY 1) c"),
    'a.new.needle 5, an.old.needle 60',
  );
});

test('who has waited enough acts on what was found so far, and is told so', async () => {
  it.board.sql(`
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'the.last.straw', 'long' FROM generate_series(1, 3);
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'hay', 'long' FROM generate_series(1, 10100);
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'a.first.straw', 'long' FROM generate_series(1, 2)`);
  const page = await it.open('/queue?queue=long&q=straw');
  let pages = 0;
  // The second page of the search through all jobs never comes.
  await page.route(/\/api\/jobs\?(?!.*q=).*limit=500/, async (route) => {
    pages += 1;
    if (pages === 1) return route.continue();
    await says(page.getByRole('dialog'), '2 found so far, in 500 jobs');
    await page.getByRole('button', { name: 'Look no further' }).click();
    return route.continue();
  });
  await page.getByRole('button', { name: 'Act on all that match' }).click();
  await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).click();
  await says(page.locator('[data-dry-run]'), '2 jobs will be cancelled: those found so far.');
  assert.equal(pages, 2);
  await page.getByRole('button', { name: 'Cancel 2' }).click();
  await says(page.locator('.toast'), '2 jobs cancelled');
  assert.equal(it.board.sql("SELECT count(*) FROM tailboard.jobs WHERE queue = 'long' AND status = 'cancelled'"), '2');
});

test('what was not done stays selected, and the focus goes on in the list', async () => {
  const ids = [1, 2].map(() => it.board.insert({ kind: 'half', queue: 'half' }));
  const page = await it.open('/queue?queue=half');
  await live(page);
  for (const id of ids) await page.getByLabel(`Select job ${id}`).click();
  await page.route(`**/api/jobs/jobs/${ids[0]}/pause`, (route) =>
    route.fulfill({ status: 409, json: { code: 'action_refused', detail: 'Not this one.' } }),
  );
  await page.getByRole('toolbar').getByRole('button', { name: 'Pause' }).click();
  await says(page.locator('.toast'), 'Not this one.');
  await says(page.locator('.bulk-count'), '1 selected');
  assert.ok(await page.getByLabel(`Select job ${ids[0]}`).isChecked());

  await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).press('Enter');
  await page.getByRole('toolbar').waitFor({ state: 'detached' });
  assert.equal(await focused(page), 'Jobs');
  await answers(it.board, "SELECT string_agg(status, ' ' ORDER BY id) FROM tailboard.jobs WHERE queue = 'half'", 'cancelled paused');
});

test('the focus is never lost: after Escape in the toolbar, after an action on all, without a filter', async () => {
  const id = it.board.insert({ kind: 'focus', queue: 'focus', status: 'failed' });
  it.board.insert({ kind: 'focus', queue: 'focus', status: 'failed' });
  const page = await it.open('/queue?queue=focus&kind=focus&status=failed');
  await row(page, id).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('a');
  await page.keyboard.press('Escape');
  await page.getByRole('toolbar').waitFor({ state: 'detached' });
  assert.match(await focused(page), new RegExp(`^${id} focus`)); // the row that it came from

  await page.keyboard.press('a');
  await page.getByRole('toolbar').getByRole('button', { name: 'Delete' }).press('Enter');
  await page.getByRole('button', { name: 'Delete 2' }).press('Enter');
  await says(page.locator('.empty'), 'Nothing matches');
  assert.match(await focused(page), /Queue|Jobs/);

  await page.getByRole('button', { name: 'Remove filter Queue focus' }).press('Enter');
  assert.equal(await focused(page), 'Remove filter Kind focus');
  await page.getByRole('button', { name: 'Clear filters' }).press('Enter');
  await page.waitForURL(/\/queue$/);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('role')), 'search');
});

test('"back" from a job finds the list as it was left, also when new jobs came meanwhile', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue) SELECT 'there.and.back', 'place' FROM generate_series(1, 700)");
  const page = await it.open('/queue?queue=place');
  await live(page);
  const list = page.getByRole('table', { name: 'Jobs' });
  // Row by row to the third page of the list.
  await page.waitForFunction(() => {
    const rows = document.querySelector('.jobs');
    rows?.scrollTo(0, 450 * 40 + 13);
    return (rows?.scrollTop ?? 0) === 450 * 40 + 13;
  });
  const left = page.locator('[data-job]').filter({ has: page.getByRole('link') }).and(page.locator('[aria-rowindex="460"]'));
  const name = await left.getAttribute('data-job');
  const before = await left.boundingBox();
  await left.getByRole('link').click();
  await page.waitForURL(/\/jobs\/jobs\//);
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue) SELECT 'came.meanwhile', 'place' FROM generate_series(1, 7)");
  await page.goBack();
  const row = page.locator(`[data-job="${name}"]`);
  await row.waitFor();
  assert.equal(await row.getAttribute('aria-rowindex'), '467');
  assert.deepEqual(await row.boundingBox(), before);
  await row.getByRole('link').and(page.locator(':focus')).waitFor();

  await page.keyboard.press('j');
  await page.keyboard.press('o');
  await page.waitForURL(/\/jobs\/jobs\//);
  await page.goBack();
  await page.locator('[aria-rowindex="468"] a:focus').waitFor();
  await list.waitFor();
});
