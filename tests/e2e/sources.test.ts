/** Tables of others on the board: seen live on every page, acted on by their own queue's SQL, honest when they break. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Board } from './board.ts';
import { answers, live, row, says, stage } from './harness.ts';

const it = stage({}, furnish);
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints(/409 \(Conflict\)|404 \(Not Found\)/);
});

function furnish(board: Board): void {
  board.sql(`
    CREATE SCHEMA shop;
    CREATE TYPE shop.state AS ENUM ('new', 'busy', 'ok', 'err', 'off');
    CREATE TABLE shop.exports (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(), region text NOT NULL DEFAULT 'eu', state shop.state NOT NULL DEFAULT 'new',
      share float8, host text, last_error text, body json, made timestamptz NOT NULL DEFAULT clock_timestamp(),
      begun timestamptz, ended timestamptz, not_before timestamptz);
    CREATE FUNCTION shop.again(job uuid) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
      IF EXISTS (SELECT FROM shop.exports WHERE id = job AND host = 'cursed') THEN RAISE EXCEPTION 'exports of cursed hosts stay dead'; END IF;
      UPDATE shop.exports SET state = 'new', last_error = NULL WHERE id = job AND state = 'err';
      RETURN FOUND;
    END $$`);
  board.attach(`
[sources.exports]
table = "shop.exports"
id = "id"
queue = "region"
kind = "'export.csv'"
progress = "share"
worker = "host"
error = "last_error"
created_at = "made"
started_at = "begun"
finished_at = "ended"
payload = "body"
due = "not_before"

[sources.exports.status]
column = "state"
map = { new = "pending", busy = "in_progress", ok = "completed", err = "failed", off = "cancelled" }

[sources.exports.actions]
retry = "SELECT shop.again($1)"
cancel = "UPDATE shop.exports SET state = 'off' WHERE id = $1 AND state = 'new'"
`);
}

/** Inserts a row of the owner's, and returns its id. */
function made(columns: string, values: string): string {
  return it.board.sql(`INSERT INTO shop.exports (${columns}) VALUES (${values}) RETURNING id`);
}

function update(id: string, set: string): void {
  it.board.sql(`UPDATE shop.exports SET ${set} WHERE id = '${id}'`);
}

test('a job of an adopted table is followed on every page', async () => {
  const [home, queue, tail, workers] = await Promise.all([
    it.open('/'),
    it.open('/queue'),
    it.open('/live'),
    it.open('/workers'),
  ]);
  await Promise.all([home, queue, tail, workers].map(live));
  const own = it.board.insert({ kind: 'own.job' });
  const id = made('region, body', `'south', '{"rows": 3}'`);
  const job = await it.open(`/jobs/exports/${id}`);
  await live(job);
  const line = home.locator('.job-line', { hasText: 'export.csv' });
  const everywhere = async (word: string, event: string) => {
    await Promise.all([
      says(row(queue, id, 'exports'), word),
      says(line, word),
      says(job.locator('.job-head'), word),
      job.locator(`.moment[data-event="${event}"]`).first().waitFor(),
      tail.locator(`.event[data-event="${event}"]`, { hasText: 'exports' }).first().waitFor(),
    ]);
  };
  await everywhere('Pending', 'job_created');
  await says(job.locator('.json'), 'rows: 3');
  await says(row(queue, id, 'exports'), 'exports / south');
  await says(line, 'exports');
  await row(queue, own).waitFor();
  update(id, `state = 'busy', host = 'h-7', begun = clock_timestamp()`);
  await everywhere('In progress', 'job_started');
  await says(workers.locator('[data-worker="h-7"]'), 'export.csv');
  await says(workers.locator('[data-worker="h-7"]'), 'sends no heartbeat');
  update(id, 'share = 0.5');
  await says(job.locator('.job-progress'), '50 %');
  update(id, `state = 'err', last_error = 'disk full', ended = clock_timestamp()`);
  await everywhere('Failed', 'job_failed');
  await says(job.locator('.job-error'), 'disk full');
  await workers.locator('[data-worker="h-7"]').waitFor({ state: 'detached' });
  assert.deepEqual(await job.locator('.job-actions button').allTextContents(), ['Retry']);
  await job.getByRole('button', { name: 'Retry' }).click();
  await everywhere('Pending', 'job_updated');
  assert.equal(it.board.sql(`SELECT state FROM shop.exports WHERE id = '${id}'`), 'new');
  update(id, `state = 'ok'`);
  await everywhere('Completed', 'job_completed');
  it.board.sql(`DELETE FROM shop.exports WHERE id = '${id}'`);
  await says(job.locator('.note'), 'row is gone');
  await row(queue, id, 'exports').waitFor({ state: 'detached' });
  await job.reload();
  await says(job.locator('.note'), 'row is gone');
});

test('what the queue refuses is said in its words, and what it cannot do is not offered', async () => {
  const id = made('state, host', `'err', 'cursed'`);
  const page = await it.open(`/jobs/exports/${id}`);
  await page.getByRole('button', { name: 'Retry' }).click();
  await says(page.locator('.toast'), 'exports of cursed hosts stay dead');
  await says(page.locator('.job-head'), 'Failed');
  await page.goto(`${it.board.url}/queue?source=exports`);
  await page.getByRole('button', { name: 'Act on all that match' }).click();
  assert.deepEqual(await page.getByRole('toolbar').getByRole('button').allTextContents(), ['Retry', 'Cancel']);
});

test('one action reaches jobs of several sources, and says whose it does not', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue) SELECT 'a', 'both' FROM generate_series(1, 3)");
  it.board.sql("INSERT INTO shop.exports (region) SELECT 'both' FROM generate_series(1, 4)");
  const page = await it.open('/queue?queue=both');
  await page.getByRole('button', { name: 'Act on all that match' }).click();
  await page.getByRole('toolbar').getByRole('button', { name: 'Pause' }).click();
  await says(page.locator('[data-dry-run="3"]'), '3 jobs will be paused');
  await says(page.getByRole('dialog'), 'exports cannot do this');
  await page.getByRole('button', { name: 'Keep them' }).click();
  await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).click();
  await says(page.locator('[data-dry-run="7"]'), '7 jobs will be cancelled');
  await page.getByRole('button', { name: 'Cancel 7' }).click();
  await says(page.locator('.toast'), '7 jobs cancelled');
  assert.equal(it.board.sql("SELECT count(*) FROM shop.exports WHERE region = 'both' AND state = 'off'"), '4');
  await page.locator('.jobs-row', { hasText: 'Cancelled' }).nth(6).waitFor();
});

test('a job becomes pending on screen when its time comes, with no write, in filtered lists too', async () => {
  const [all, scheduled, pending] = await Promise.all([
    it.open('/queue?queue=timed'),
    it.open('/queue?queue=timed&status=scheduled'),
    it.open('/queue?queue=timed&status=pending'),
  ]);
  await Promise.all([all, scheduled, pending].map(live));
  const id = made('region, not_before', `'timed', clock_timestamp() + interval '12 seconds'`);
  const job = await it.open(`/jobs/exports/${id}`);
  await Promise.all([
    says(row(all, id, 'exports'), 'Scheduled'),
    says(row(scheduled, id, 'exports'), 'Scheduled'),
    says(job.locator('.job-head'), 'Scheduled'),
  ]);
  assert.equal(await row(pending, id, 'exports').count(), 0);
  // Opened too late to have heard of it: only the counts tell this list that something was due.
  const late = await it.open('/queue?queue=timed&status=pending');
  await live(late);
  const written = () => it.board.sql('SELECT max(seq) FROM tailboard.changes');
  const before = written();
  await Promise.all([
    says(row(all, id, 'exports'), 'Pending'),
    row(scheduled, id, 'exports').waitFor({ state: 'detached' }),
    says(row(pending, id, 'exports'), 'Pending'),
    says(row(late, id, 'exports'), 'Pending'),
    says(job.locator('.job-head'), 'Pending'),
  ]);
  assert.equal(written(), before);
});

test('what is due follows the server’s clock, whatever the browser’s says', async () => {
  const id = made('region, not_before', `'later', clock_timestamp() + interval '5 minutes'`);
  const page = await it.prepare();
  await page.addInitScript(() => {
    const right = Date.now;
    Date.now = () => right() + 3_600_000;
  });
  await page.goto(`${it.board.url}/queue?queue=later`);
  await says(row(page, id, 'exports'), 'Scheduled');
  await row(page, id, 'exports').locator('a').first().click();
  await says(page.locator('.job-head'), 'Scheduled');
});

test('an id may hold any character, in links, after a reload, and in actions', async () => {
  it.board.sql('CREATE TABLE public.odd (name text PRIMARY KEY, gone boolean NOT NULL DEFAULT false)');
  it.board.attach(`
[sources.odd]
table = "public.odd"
id = "name"
status = "CASE WHEN gone THEN 'cancelled' ELSE 'pending' END"

[sources.odd.actions]
cancel = "UPDATE public.odd SET gone = true WHERE name = $1"
`);
  for (const name of ['2026/11 a.b', '100%', '%2F']) {
    it.board.sql(`INSERT INTO public.odd VALUES ('${name}')`);
    const page = await it.open('/queue?source=odd&status=pending');
    await page.locator('.cell-job a').first().click();
    await says(page.locator('h1'), name);
    await page.reload();
    await says(page.locator('h1'), name);
    await says(page.locator('.moment'), 'Created');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await says(page.locator('.job-head'), 'Cancelled');
    await answers(it.board, `SELECT gone FROM public.odd WHERE name = '${name}'`, 't');
  }
});

test('Sources says how each is, and a list names the one that it is without', async () => {
  const page = await it.open('/sources');
  await says(page.locator('[data-source="jobs"]'), 'Healthy');
  await says(page.locator('[data-source="exports"]'), 'shop.exports');
  await says(page.locator('[data-source="exports"]'), 'Retry, Cancel');
  await page.getByRole('button', { name: 'Copy definition' }).waitFor();
  it.board.sql('CREATE TABLE public.brittle (id int PRIMARY KEY, what text)');
  it.board.attach(`
[sources.brittle]
table = "public.brittle"
id = "id"
kind = "what"
status = "'pending'"
`);
  await says(page.locator('[data-source="brittle"]'), 'public.brittle');
  await says(page.locator('[data-source="brittle"]'), 'none: only watched');
  it.board.sql('DROP TABLE public.brittle');
  await says(page.locator('[data-source="brittle"]'), 'is gone');
  const id = it.board.insert({ kind: 'still.here', queue: 'whole' });
  await page.goto(`${it.board.url}/queue?queue=whole`);
  await row(page, id).waitFor();
  await says(page.locator('.note'), 'brittle is not shown');
});

test('a source that had faults is not called healthy, and says what to do', async () => {
  it.board.sql('CREATE TABLE public.faulted (id int PRIMARY KEY, state text)');
  it.board.attach(`
[sources.faulted]
table = "public.faulted"
id = "id"
status = { column = "state", map = { new = "pending" } }
`);
  it.board.sql("INSERT INTO public.faulted VALUES (1, 'lost')");
  const page = await it.open('/sources');
  const source = page.locator('[data-source="faulted"]');
  await source.and(page.locator('[data-health="ok"]')).waitFor(); // the rows have been counted since
  await says(source, 'Had faults');
  await says(source.locator('.note'), "nothing maps the status 'lost'");
  await says(source.locator('.note'), 'Correct the definition or the data');
  await says(page.locator('.page-head'), 'to look at');
  assert.equal(await source.getByText("nothing maps the status 'lost'").count(), 1);
});

test('where no source can be read the list does not say that nothing matches', async () => {
  it.board.sql("CREATE TABLE shop.gone (id int PRIMARY KEY, state text NOT NULL DEFAULT 'pending')");
  it.board.attach('[sources.gone]\ntable = "shop.gone"\nid = "id"\nstatus = "state"\n');
  it.board.sql('INSERT INTO shop.gone VALUES (1)');
  it.board.sql('ALTER TABLE shop.gone RENAME TO elsewhere');
  const page = await it.open('/queue?source=gone');
  await says(page.locator('.note'), 'gone is not shown');
  await says(page.locator('.empty'), 'Nothing to show');
  assert.equal(await page.locator('[data-row-count]').textContent(), '');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('anything');
  await says(page.locator('.palette-list'), /Not looked through: (.*, )?gone\b/);
  it.board.sql('ALTER TABLE shop.elsewhere RENAME TO gone');
  await page.reload();
  await row(page, 1, 'gone').waitFor();
});

test('a source with a long name fits a narrow phone', async () => {
  const name = `exports_${'of_the_shop_'.repeat(4)}`.slice(0, 40);
  it.board.sql('CREATE TABLE shop.long (id int PRIMARY KEY, state text)');
  it.board.attach(`[sources.${name}]\ntable = "shop.long"\nid = "id"\nstatus = "state"\n`);
  const page = await it.open('/sources', { viewport: { width: 320, height: 640 } });
  await says(page.locator(`[data-source="${name}"]`), 'shop.long');
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
});

test('on a phone a job shows its source, however long its name is', async () => {
  it.board.insert({ kind: 'a_kind_whose_name_is_longer_than_a_narrow_phone', queue: 'narrow' });
  const page = await it.open('/queue?queue=narrow', { viewport: { width: 320, height: 640 } });
  const source = page.locator('.jobs-source-narrow');
  await says(source, 'jobs');
  const [cell, tag] = [await page.locator('.jobs-row .cell-job').boundingBox(), await source.boundingBox()];
  assert.ok(cell !== null && tag !== null && tag.x + tag.width <= cell.x + cell.width, 'the source is cut off');
});

test('the short name of a source is not cut for the long name of a queue', async () => {
  const id = it.board.insert({ kind: 'long.queue', queue: 'a-queue-whose-name-is-longer-than-its-column' });
  const page = await it.open('/queue?kind=long.queue');
  const source = row(page, id).locator('.cell-queue > .muted').first();
  await says(source, 'jobs');
  assert.equal(await source.evaluate((it) => it.scrollWidth - it.clientWidth), 0);
});
