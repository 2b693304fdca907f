/** Hostile text, access, and one connection for a browser. */

import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { literal } from './board.ts';
import { live, row, says, stage } from './harness.ts';

const HOSTILE = `<img src=x onerror="window.hacked=true"><script>window.hacked=true</script>'"\u202e`;

describe('an open board', () => {
  const it = stage();
  afterEach(async () => {
    await it.closePages();
    it.assertNoComplaints();
  });

  test('what jobs hold is shown as text, under a policy without unsafe-inline', async () => {
    const payload = JSON.stringify({ [HOSTILE]: HOSTILE });
    it.board.sql(`SELECT tailboard.heartbeat(${literal(HOSTILE)}, ${literal(payload)})`);
    const id = it.board.insert({
      kind: HOSTILE,
      queue: HOSTILE,
      worker: HOSTILE,
      phase: HOSTILE,
      payload,
      status: 'failed',
      error: HOSTILE,
      phases: JSON.stringify([{ name: HOSTILE, status: HOSTILE, message: HOSTILE }]),
    });
    const page = await it.open('/');
    for (const path of ['/', '/queue', `/jobs/jobs/${id}`, '/live', '/workers', '/sources']) {
      const answer = await page.goto(it.board.url + path);
      const policy = answer?.headers()['content-security-policy'] ?? '';
      assert.match(policy, /script-src 'self'/);
      assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval/);
      await live(page);
      if (path !== '/sources') await says(page.locator('main'), '<img src=x');
      assert.equal(await page.evaluate(() => 'hacked' in window), false);
      assert.equal(await page.locator('main img').count(), 0);
    }
  });

  test('tabs of one browser share one connection, and all are live', async () => {
    const first = await it.open('/queue');
    await live(first);
    const second = await first.context().newPage();
    it.listen(second);
    await second.goto(`${it.board.url}/queue`);
    await live(second);
    const answer = await first.request.get(`${it.board.url}/api/connections`);
    const { connections } = (await answer.json()) as { connections: unknown[] };
    assert.equal(connections.length, 1);
    const id = it.board.insert({ kind: 'seen.twice' });
    await Promise.all([row(first, id).waitFor(), row(second, id).waitFor()]);
    await first.close();
    it.board.sql(`UPDATE tailboard.jobs SET status = 'completed' WHERE id = ${id}`);
    await says(row(second, id), 'Completed');
  });

  test('payload, result and error are copied whole', async () => {
    const id = it.board.insert({ kind: 'to.copy', payload: '{"a": [1, {"b": null}]}', status: 'failed', error: 'line 1\nline 2' });
    const page = await it.prepare();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: it.board.url });
    await page.goto(`${it.board.url}/jobs/jobs/${id}`);
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    await page.getByRole('button', { name: 'Copy payload' }).click();
    assert.deepEqual(JSON.parse(await copied()), { a: [1, { b: null }] });
    await page.getByRole('button', { name: 'Copy error' }).click();
    assert.equal(await copied(), 'line 1\nline 2');
  });

  test('a megabyte of payload is shown and stays quick', async () => {
    const id = Number(
      it.board.sql(`INSERT INTO tailboard.jobs (kind, payload) SELECT 'large', jsonb_build_object('rows',
        (SELECT jsonb_agg(jsonb_build_object('n', n, 'text', repeat('x', 80))) FROM generate_series(1, 10000) n)) RETURNING id`),
    );
    const page = await it.open(`/jobs/jobs/${id}`);
    await says(page.locator('.json'), '10,000 items');
    const began = Date.now();
    await page.getByRole('button', { name: /10,000 items/ }).click();
    await says(page.locator('.json'), '9,900 more');
    assert.ok(Date.now() - began < 2_000);
    it.board.sql(`UPDATE tailboard.jobs SET progress = 0.5, status = 'in_progress' WHERE id = ${id}`);
    await says(page.locator('.job-head'), 'In progress');
    await says(page.locator('.json').first(), '9,900 more');
  });
});

describe('a board whose server is read-only', () => {
  const it = stage({ TAILBOARD_READ_ONLY: 'on' });
  afterEach(async () => {
    await it.closePages();
    it.assertNoComplaints();
  });

  test('shows everything and offers no action, by mouse or key', async () => {
    const id = it.board.insert({ kind: 'only.shown', status: 'failed' });
    const page = await it.open('/queue');
    await live(page);
    await row(page, id).waitFor();
    assert.ok(await page.getByRole('button', { name: 'Read-only' }).isDisabled());
    assert.equal(await page.getByRole('checkbox').count(), 0);
    assert.equal(await page.getByRole('button', { name: 'Act on all that match' }).count(), 0);
    for (const key of ['j', 'r', 'x', 'a']) await page.keyboard.press(key);
    assert.equal(await page.getByRole('toolbar').count(), 0);
    await page.keyboard.press('o');
    await says(page.locator('.job-head'), 'Failed');
    assert.equal(await page.locator('.job-actions').count(), 0);
    assert.equal(it.board.sql(`SELECT status FROM tailboard.jobs WHERE id = ${id}`), 'failed');
  });
});

describe('a board with a token', () => {
  const it = stage({ TAILBOARD_TOKEN: 'correct-horse-battery' });
  afterEach(async () => {
    await it.closePages();
    it.assertNoComplaints(/401/);
  });

  test('the page asks for it, keeps it for the tab, and puts it into no address', async () => {
    const page = await it.open('/queue');
    const addresses: string[] = [];
    page.on('request', (request) => addresses.push(request.url()));
    page.on('websocket', (socket) => addresses.push(socket.url()));
    await page.getByLabel('Token', { exact: true }).fill('wrong');
    await page.getByRole('button', { name: 'Open the board' }).click();
    await page.getByLabel('Token', { exact: true }).waitFor();
    await page.getByLabel('Token', { exact: true }).fill('correct-horse-battery');
    await page.getByRole('button', { name: 'Open the board' }).click();
    await live(page);
    await page.getByLabel('Token', { exact: true }).waitFor({ state: 'detached' });
    const id = it.board.insert({ kind: 'behind.a.token' });
    await row(page, id).waitFor();
    await page.reload();
    await live(page);
    await row(page, id).waitFor();
    assert.equal(addresses.filter((address) => address.includes('correct')).length, 0);
  });
});
