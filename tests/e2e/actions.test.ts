/** What people do on the board, with the mouse and by keyboard alone. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { answers, live, row, says, stage } from './harness.ts';

const it = stage();
/** Many steps, each of which waits for what it sees; a busy machine may take its time over them. */
const LONG_MS = 300_000;
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints(/409 \(Conflict\)|404 \(Not Found\)|500/);
});

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

function statusOf(id: number): string {
  return it.board.sql(`SELECT status FROM tailboard.jobs WHERE id = ${id}`);
}

test('a failed job is retried from its page', async () => {
  const id = it.board.insert({ kind: 'try.again', status: 'failed', error: 'once' });
  const page = await it.open(`/jobs/jobs/${id}`);
  await page.getByRole('button', { name: 'Retry' }).click();
  await says(page.locator('.job-head'), 'Pending');
  await page.getByRole('button', { name: 'Cancel' }).waitFor();
  await answers(it.board, `SELECT status FROM tailboard.jobs WHERE id = ${id}`, 'pending');
});

test('of two who act at once the second is refused by the server: the board takes it back and says why', async () => {
  const id = it.board.insert({ kind: 'too.late', status: 'failed' });
  const [first, second] = await Promise.all([it.open(`/jobs/jobs/${id}`), it.open(`/jobs/jobs/${id}`)]);
  await Promise.all([first, second].map((page) => page.getByRole('button', { name: 'Retry' }).waitFor()));
  // The row is held by a worker that has not committed, so that both see the job as failed when they press, and the
  // server has to wait for it before it can answer the second.
  const holder = it.board.session();
  try {
    await holder.run(`BEGIN; SELECT FROM tailboard.jobs WHERE id = ${id} FOR UPDATE;`);
    const refused = second.waitForResponse((response) => response.url().endsWith('/retry'));
    await second.getByRole('button', { name: 'Retry' }).click();
    await says(second.locator('.job-head'), 'Pending'); // shown at once, before there is an answer
    await holder.run(`UPDATE tailboard.jobs SET status = 'in_progress', worker = 'w-1' WHERE id = ${id}; COMMIT;`);
    assert.equal((await refused).status(), 409);
    assert.equal((await (await refused).json()).code, 'action_refused');
    await says(second.locator('.toast'), `Job ${id} was not retried`);
    await says(second.locator('.toast'), `Job ${id} is in progress; only a job that is failed, cancelled or completed can be retried.`);
    await says(second.locator('.job-head'), 'In progress');
    await says(first.locator('.job-head'), 'In progress');
  } finally {
    holder.end();
  }
  assert.equal(statusOf(id), 'in_progress');
});

test('all that match are counted before they are changed', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue, status) SELECT 'bulk', 'many', 'failed' FROM generate_series(1, 300)");
  it.board.insert({ kind: 'bulk', queue: 'other', status: 'failed' });
  const page = await it.open('/queue?queue=many');
  await page.getByRole('button', { name: 'Act on all that match' }).click();
  await page.getByRole('toolbar').getByRole('button', { name: 'Retry' }).click();
  await says(page.locator('[data-dry-run]'), '300 jobs will be retried');
  await says(page.locator('[data-dry-run]'), 'They are completed, failed or cancelled; the others stay as they are.');
  await says(page.locator('[data-dry-run]'), 'What has completed is done once more.');
  await page.goto(`${it.board.url}/queue?queue=many&status=failed`);
  await page.getByRole('button', { name: 'Act on all that match' }).click();
  const enabled = page.getByRole('toolbar').locator('button:enabled');
  assert.deepEqual(await enabled.allTextContents(), ['Retry', 'Delete'], 'what no failed job allows is offered');
  await page.getByRole('toolbar').getByRole('button', { name: 'Retry' }).click();
  await says(page.locator('[data-dry-run]'), '300 jobs will be retried. They are failed; the others stay as they are.');
  assert.equal(it.board.sql("SELECT count(*) FROM tailboard.jobs WHERE kind = 'bulk' AND status = 'failed'"), '301');
  await page.getByRole('button', { name: 'Retry 300' }).click();
  await says(page.locator('.toast'), '300 jobs retried');
  assert.equal(it.board.sql("SELECT count(*) FROM tailboard.jobs WHERE kind = 'bulk' AND status = 'failed'"), '1');
});

test('to close the dialog of an action on very many jobs stops it, and what was done is told', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue, status) SELECT 'bulk', 'too-many', 'failed' FROM generate_series(1, 10050)");
  const page = await it.open('/queue?queue=too-many');
  const underWay = gate();
  const stopped = gate();
  await page.route('**/api/jobs/bulk', async (route) => {
    const answer = await route.fetch();
    if (!route.request().postDataJSON().dry_run) {
      underWay.open();
      await stopped.opened;
    }
    await route.fulfill({ response: answer });
  });
  await page.getByRole('button', { name: 'Act on all that match' }).click();
  await page.getByRole('toolbar').getByRole('button', { name: 'Retry' }).click();
  await page.getByRole('button', { name: 'Retry 10,050' }).click();
  await underWay.opened;
  await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  stopped.open();
  await says(page.locator('.toast'), '10,000 jobs retried');
  await says(page.locator('.toast'), 'Stopped: the others stay as they are.');
  assert.equal(it.board.sql("SELECT count(*) FROM tailboard.jobs WHERE queue = 'too-many' AND status = 'failed'"), '50');
});

test('jobs with ids that JavaScript cannot count are told apart, in lists, events and actions', async () => {
  const ids = ['9007199254740992', '9007199254740993'];
  const states = () => it.board.sql("SELECT string_agg(status, ' ' ORDER BY id) FROM tailboard.jobs WHERE kind = 'snowflake'");
  it.board.sql(`INSERT INTO tailboard.jobs (id, kind, status) SELECT unnest(ARRAY[${ids}]), 'snowflake', 'failed'`);
  const page = await it.open('/queue?kind=snowflake');
  await page.locator('[data-row-count="2"]').waitFor();
  for (const id of ids) await page.locator(`[data-job="jobs/${id}"]`).waitFor();
  await live(page);
  it.board.sql(`UPDATE tailboard.jobs SET priority = 7 WHERE id = ${ids[1]}`);
  it.board.sql(`UPDATE tailboard.jobs SET status = 'cancelled' WHERE id = ${ids[1]}`);
  await says(page.locator(`[data-job="jobs/${ids[1]}"]`), 'Cancelled');
  await says(page.locator(`[data-job="jobs/${ids[0]}"]`), 'Failed');
  await page.locator(`[data-job="jobs/${ids[0]}"] a`).click();
  await says(page.locator('.job-id'), ids[0] ?? '');
  await page.getByRole('button', { name: 'Retry' }).click();
  await says(page.locator('.job-head'), 'Pending');
  assert.equal(states(), 'pending cancelled');
  await page.goto(`${it.board.url}/queue?kind=snowflake`);
  await page.getByLabel('Select job 90071992…0993').click();
  await page.getByRole('toolbar').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete 1' }).click();
  await page.locator('[data-row-count="1"]').waitFor();
  assert.equal(states(), 'pending');
});

test('selected jobs are acted on, and only those', async () => {
  const ids = [1, 2, 3].map(() => it.board.insert({ kind: 'pick', queue: 'picked' }));
  const page = await it.open('/queue?queue=picked');
  for (const id of ids.slice(0, 2)) await page.getByLabel(`Select job ${id}`).click();
  await says(page.locator('.bulk-count'), '2 selected');
  await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).click();
  await says(page.locator('.toast'), '2 jobs cancelled');
  assert.deepEqual(ids.map(statusOf), ['cancelled', 'cancelled', 'pending']);
});

test('filters and search are in the address, and "back" undoes them', async () => {
  it.board.insert({ kind: 'needle.in.hay', queue: 'search' });
  it.board.insert({ kind: 'hay', queue: 'search' });
  const page = await it.open('/queue?queue=search');
  await page.getByRole('button', { name: /^Failed/ }).click();
  await page.waitForURL(/status=failed/);
  await says(page.locator('.empty'), 'Nothing matches');
  await page.goBack();
  await says(page.locator('.jobs'), 'hay');
  await page.getByRole('searchbox').fill('needle');
  await page.waitForURL(/q=needle/);
  await page.locator('[data-row-count="1"]').waitFor();
  await page.reload();
  await page.locator('[data-row-count="1"]').waitFor();
});

test('a search of two words keeps the space between them, however slowly it is typed', async () => {
  it.board.insert({ kind: 'two words', queue: 'spaced' });
  const page = await it.open('/queue?queue=spaced');
  await page.getByRole('searchbox').click();
  await page.keyboard.type('two ');
  await page.waitForURL(/q=two$/);
  await page.keyboard.type('words');
  await page.waitForURL(/q=two(\+|%20)words/);
  await page.locator('[data-row-count="1"]').waitFor();
});

test('an id that is entered faster than the server finds its job goes to that job', async () => {
  // The first is found by a part of what is typed for the second.
  const [first, second] = ['9000077', '900007701'].map((id) => it.board.insert({ id, kind: 'jump.to' }));
  const page = await it.open('/');
  await live(page);
  await page.keyboard.press('ControlOrMeta+k');
  await page.keyboard.type(`${first}`);
  await says(page.locator('.palette-choice').first(), 'jump.to');
  await page.keyboard.type('01');
  await page.keyboard.press('Enter');
  await page.waitForURL(new RegExp(`/jobs/jobs/${second}$`));
  await page.keyboard.press('ControlOrMeta+k');
  await page.keyboard.type('live');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/live$/);
});

test('read-only hides every action', async () => {
  const id = it.board.insert({ kind: 'look.only', status: 'failed' });
  const page = await it.open(`/jobs/jobs/${id}`);
  await page.getByRole('button', { name: 'Retry' }).waitFor();
  await page.getByRole('button', { name: 'Read-only' }).click();
  await page.getByRole('button', { name: 'Retry' }).waitFor({ state: 'detached' });
  await page.goto(`${it.board.url}/queue`);
  await row(page, id).waitFor();
  assert.equal(await page.getByRole('checkbox').count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Act on all that match' }).count(), 0);
});

test('all that match are acted on by keyboard alone', { timeout: LONG_MS }, async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue, status) SELECT 'bulk.keys', 'by-keys', 'failed' FROM generate_series(1, 60)");
  const other = it.board.insert({ kind: 'bulk.keys', queue: 'not-by-keys', status: 'failed' });
  const count = (status: string) =>
    it.board.sql(`SELECT count(*) FROM tailboard.jobs WHERE queue = 'by-keys' AND status = '${status}'`);
  const page = await it.open('/queue');
  await live(page);
  /** Waits until the focus is on what is called so. */
  const focused = (name: string) =>
    page.waitForFunction((wanted) => {
      const element = document.activeElement;
      return wanted === (element?.getAttribute('aria-label') ?? element?.textContent);
    }, name);
  /** Presses a key until the focus is on what is called so; a bar or a dialog has a handful of stops. */
  const go = async (key: string, name: string) => {
    for (let presses = 0; presses < 8; presses += 1) {
      const element = page.locator(':focus');
      if (name === ((await element.getAttribute('aria-label')) ?? (await element.textContent()))) return;
      await page.keyboard.press(key);
    }
    await focused(name);
  };
  await page.keyboard.press('/');
  await page.keyboard.type('bulk.keys');
  await page.waitForURL(/q=bulk.keys/);
  await go('Tab', 'Queue to filter by');
  await page.keyboard.type('by-keys');
  await page.keyboard.press('Enter');
  await page.waitForURL(/queue=by-keys/);
  await page.locator('[data-row-count="60"]').waitFor();
  await page.keyboard.press('Escape');

  // Looked at, and left alone.
  await page.keyboard.press('a');
  await focused('Retry');
  await page.keyboard.press('Enter');
  await says(page.locator('[data-dry-run]'), '60 jobs will be retried');
  await focused('Keep them');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(count('failed'), '60');

  for (const [button, status, word] of [
    ['Retry', 'pending', 'Pending'],
    ['Pause', 'paused', 'Paused'],
    ['Resume', 'pending', 'Pending'],
    ['Cancel', 'cancelled', 'Cancelled'],
  ] as const) {
    await page.keyboard.press('a');
    await go('ArrowRight', button);
    await page.keyboard.press('Enter');
    await page.locator('[data-dry-run="60"]').waitFor();
    await go('Tab', `${button} 60`);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(count(status), '60');
    await page.waitForFunction((wanted) => {
      const badges = [...document.querySelectorAll('.jobs-row .badge')];
      return badges.length > 0 && badges.every(({ textContent }) => textContent === wanted);
    }, word);
  }
  await page.keyboard.press('a');
  await go('ArrowRight', 'Delete');
  await page.keyboard.press('Enter');
  await says(page.locator('[data-dry-run="60"]'), 'cannot be undone');
  await go('Tab', 'Delete 60');
  await page.keyboard.press('Enter');
  await says(page.locator('.empty'), 'Nothing matches');
  assert.equal(it.board.sql("SELECT count(*) FROM tailboard.jobs WHERE queue = 'by-keys'"), '0');
  assert.equal(statusOf(other), 'failed');
});

test('everything goes by keyboard alone', { timeout: LONG_MS }, async () => {
  const id = it.board.insert({ kind: 'by.keyboard', queue: 'keys', status: 'failed', error: 'no' });
  const page = await it.open('/');
  await live(page);
  await page.keyboard.press('g');
  await page.keyboard.press('q');
  await page.waitForURL(/\/queue$/);
  await row(page, id).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('by.keyboard');
  await page.waitForURL(/q=by.keyboard/);
  await page.locator('[data-row-count="1"]').waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await says(page.locator('.bulk-count'), '1 selected');
  await page.keyboard.press('Escape');
  await page.keyboard.press('r');
  await says(row(page, id), 'Pending');
  await page.keyboard.press('c');
  await says(row(page, id), 'Cancelled');
  await page.keyboard.press('Enter');
  await page.waitForURL(new RegExp(`/jobs/jobs/${id}$`));
  await page.getByRole('button', { name: 'Retry' }).focus();
  await page.keyboard.press('Enter');
  await says(page.locator('.job-head'), 'Pending');
  await page.keyboard.press('?');
  await says(page.getByRole('dialog'), 'Jump to a job or a page');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('workers');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/workers$/);
  await page.keyboard.press('Control+k');
  await page.keyboard.type(String(id));
  await says(page.getByRole('option').first(), `${id} by.keyboard`);
  await page.keyboard.press('Enter');
  await page.waitForURL(new RegExp(`/jobs/jobs/${id}$`));
  for (const [button, status] of [
    ['Pause', 'Paused'],
    ['Resume', 'Pending'],
    ['Cancel', 'Cancelled'],
  ] as const) {
    await page.getByRole('button', { name: button, exact: true }).focus();
    await page.keyboard.press('Enter');
    await says(page.locator('.job-head'), status);
  }
  await page.getByRole('button', { name: 'Delete', exact: true }).focus();
  await page.keyboard.press('Enter');
  await says(page.getByRole('dialog'), 'This cannot be undone');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/workers$/); // where the job was opened from
  await answers(it.board, `SELECT count(*) FROM tailboard.jobs WHERE id = ${id}`, '0');
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  const before = await theme();
  await page.keyboard.press('t');
  assert.notEqual(await theme(), before);
});
