/** The page of one job: what it asks before it deletes, what it shows digit for digit, where it leads back to. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { answers, live, row, says, stage } from './harness.ts';

const it = stage();
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints(/404 \(Not Found\)|409 \(Conflict\)/);
});

test('a job is deleted from its page only once somebody has said so twice', async () => {
  const id = it.board.insert({ kind: 'delete.me', queue: 'deleted', status: 'failed' });
  const page = await it.open(`/jobs/jobs/${id}`);
  const press = page.locator('.job-actions').getByRole('button', { name: 'Delete' });
  await press.click();
  await says(page.getByRole('dialog'), 'This cannot be undone');
  await page.keyboard.press('Enter'); // the button that has the focus keeps the job
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(it.board.sql(`SELECT count(*) FROM tailboard.jobs WHERE id = ${id}`), '1');
  await press.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await page.waitForURL(/\/queue$/);
  await answers(it.board, `SELECT count(*) FROM tailboard.jobs WHERE id = ${id}`, '0');
});

test('a job whose deletion is refused is there again, and is not asked about twice', async () => {
  const id = it.board.insert({ kind: 'kept', status: 'failed' });
  const page = await it.open(`/jobs/jobs/${id}`);
  await page.route('**/api/jobs/jobs/*', (route) =>
    route.request().method() === 'DELETE' ? route.fulfill({ status: 409, json: { detail: 'It is held.' } }) : route.continue(),
  );
  await page.locator('.job-actions').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await says(page.locator('.toast'), 'It is held.');
  await page.locator('.job-actions').getByRole('button', { name: 'Delete' }).waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
});

test('numbers are shown and copied digit for digit, also those that came by the feed', async () => {
  const numbers = '{"f": 1.10, "n": 12345678901234567890123, "text": "1.10"}';
  const id = it.board.insert({ kind: 'digits', payload: numbers });
  const page = await it.prepare();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: it.board.url });
  await page.goto(`${it.board.url}/jobs/jobs/${id}`);
  const copied = async (what: string) => {
    await page.getByRole('button', { name: `Copy ${what}` }).click();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const payload = page.getByRole('region', { name: 'Payload as JSON' });
  await says(payload, 'n: 12345678901234567890123');
  await says(payload, 'f: 1.10');
  await says(payload, 'text: "1.10"');
  assert.equal(await copied('payload'), '{\n  "f": 1.10,\n  "n": 12345678901234567890123,\n  "text": "1.10"\n}');
  await live(page);
  it.board.sql(`UPDATE tailboard.jobs SET result = '[2.50, -9007199254740993]', progress = 1.0 WHERE id = ${id}`);
  await says(page.getByRole('region', { name: 'Result as JSON' }), '2.50');
  assert.equal(await copied('result'), '[\n  2.50,\n  -9007199254740993\n]');
});

test('the way back leads to the list that one came from, filter and all', async () => {
  const id = it.board.insert({ kind: 'there.and.back', queue: 'round', status: 'failed' });
  const page = await it.open('/queue?queue=round&status=failed');
  const back = page.locator('.job-back');
  await row(page, id).getByRole('link').click();
  await says(back, 'Queue');
  await back.click();
  await page.waitForURL(/\/queue\?queue=round&status=failed$/);
  await page.getByRole('link', { name: 'Home' }).click();
  await page.locator('.job-line', { hasText: 'there.and.back' }).getByRole('link').click();
  await says(back, 'Home');
  await back.click();
  await page.waitForURL((url) => url.pathname === '/');
  await page.goto(`${it.board.url}/jobs/jobs/${id}`);
  await says(back, 'Queue');
  assert.equal(await back.getAttribute('href'), '/queue');
});

test('every tab has a title of its own, and a trailing slash or a capital changes nothing', async () => {
  const id = it.board.insert({ kind: 'titled' });
  const page = await it.open(`/jobs/jobs/${id}`);
  const titled = (title: string) => page.waitForFunction((wanted) => document.title === wanted, title);
  await titled(`titled ${id} · Tailboard`);
  await page.goto(`${it.board.url}/jobs/jobs/${id}?as_of=${it.board.sql('SELECT tailboard.cursor()')}`);
  await titled(`titled ${id} in the past · Tailboard`);
  await page.goto(`${it.board.url}/jobs/jobs/424242`);
  await titled('Job 424242 · Tailboard');
  await page.goto(`${it.board.url}/no/such/page`);
  await titled('Not found · Tailboard');
  for (const path of ['/queue/', '/Queue']) {
    await page.goto(it.board.url + path);
    await titled('Queue · Tailboard');
    assert.equal(await page.getByRole('link', { name: 'Queue' }).getAttribute('aria-current'), 'page');
  }
});

test('of many attempts it says that there are earlier ones, and shows them on demand', async () => {
  const id = it.board.insert({ kind: 'tries', max_attempts: '50' });
  it.board.sql(`DO $$ BEGIN FOR n IN 1..30 LOOP
    UPDATE tailboard.jobs SET status = 'in_progress', attempt = n WHERE id = ${id}; COMMIT;
    UPDATE tailboard.jobs SET status = 'pending', error = 'no' WHERE id = ${id}; COMMIT;
  END LOOP; END $$`);
  const page = await it.open(`/jobs/jobs/${id}`);
  const attempts = page.locator('.panel', { has: page.locator('.attempts') });
  await says(attempts, /Attempts 1 to \d+ are not loaded/);
  await attempts.getByRole('button', { name: 'Earlier attempts' }).click();
  await attempts.getByRole('button', { name: 'Earlier attempts' }).waitFor({ state: 'detached' });
  assert.equal(await attempts.locator('li').count(), 30);
});

test('a long id is told whole, and copied', async () => {
  const long = `order-${'0123456789'.repeat(12)}`;
  it.board.sql('CREATE TABLE long_ids (id text PRIMARY KEY, state text NOT NULL)');
  it.board.attach(`
[sources.long]
table = "public.long_ids"
id = "id"

[sources.long.status]
column = "state"
map = { waiting = "pending" }
`);
  it.board.sql(`INSERT INTO long_ids VALUES ('${long}', 'waiting')`);
  const page = await it.prepare();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: it.board.url });
  await page.goto(`${it.board.url}/jobs/long/${long}`);
  await says(page.locator('.job-facts'), long);
  await page.getByRole('button', { name: 'Copy id' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), long);
});

test('a job is found by the name that its address has', async () => {
  const id = it.board.insert({ kind: 'by.its.name' });
  const page = await it.open('/');
  await live(page);
  await page.keyboard.press('Control+k');
  await page.keyboard.type(`jobs/${id}`);
  await says(page.locator('.palette-choice'), `${id} by.its.name`);
});

test('a browser that refuses the clipboard is said to, and a theme reaches every tab', async () => {
  const id = it.board.insert({ kind: 'not.copied', payload: '{"a": 1}' });
  const page = await it.prepare();
  await page.addInitScript(() => {
    navigator.clipboard.writeText = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
  });
  await page.goto(`${it.board.url}/jobs/jobs/${id}`);
  const copy = page.getByRole('button', { name: 'Copy payload' });
  await copy.click();
  await says(copy, 'Refused');
  const other = await page.context().newPage();
  it.listen(other);
  await other.goto(`${it.board.url}/`);
  await other.getByRole('button', { name: 'Dark theme' }).click();
  await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
  await page.getByRole('button', { name: 'Light theme' }).waitFor();
});

test('of very many phases the first are shown, and the others on demand', async () => {
  const id = it.board.sql(`
    INSERT INTO tailboard.jobs (kind, status, phases)
    SELECT 'many.phases', 'in_progress', jsonb_agg(jsonb_build_object('name', 'phase ' || n)) FROM generate_series(1, 20000) AS n
    RETURNING id`);
  const page = await it.open(`/jobs/jobs/${id.split('\n')[0]}`);
  await live(page);
  const phases = page.locator('.phases > li');
  await says(phases.first(), 'phase 1');
  assert.equal(await phases.count(), 300);
  await page.getByRole('button', { name: 'Show more of the other 19,700' }).click();
  await phases.nth(599).waitFor();
});

test('what is nested deep stands in lines on a phone, too', async () => {
  const id = it.board.insert({ kind: 'deep', payload: `${'['.repeat(30)}1${']'.repeat(30)}` });
  const page = await it.open(`/jobs/jobs/${id}`, { viewport: { width: 320, height: 640 } });
  const deepest = page.getByRole('button', { name: '1 item' });
  await deepest.waitFor();
  const { height } = (await deepest.boundingBox()) ?? { height: Number.NaN };
  assert.ok(height < 30, `${height} px`);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
});

test('what a job has in common with others leads to them', async () => {
  const id = it.board.insert({ kind: 'alike', queue: 'alike', worker: 'alike-1', status: 'in_progress' });
  const page = await it.open(`/jobs/jobs/${id}`);
  await page.locator('.job-facts').getByRole('link', { name: 'alike-1' }).click();
  await row(page, id).waitFor();
  assert.equal(new URL(page.url()).search, '?worker=alike-1');
});
