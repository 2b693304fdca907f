/** axe-core on every page, in light and dark, wide and narrow; and nothing wider than a phone. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach, test } from 'node:test';
import type { Page } from 'playwright-core';
import { live, says, stage } from './harness.ts';

const it = stage();
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints(/404 \(Not Found\)/);
});

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What leads nowhere. */
const MISSING = ['/jobs/jobs/999999', '/no/such/page'];

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[];
}

async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async (tags) => {
    const axe = Reflect.get(window, 'axe') as {
      run: (context: Document, options: object) => Promise<{ violations: Violation[] }>;
    };
    return (await axe.run(document, { runOnly: tags })).violations;
  }, TAGS);
  return found.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary}`));
}

/** Everything that the page waits for is there. */
async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor({ state: 'attached' });
  await page.waitForFunction(() => document.querySelector('.skeleton, .chart-space') === null);
}

function fill(): number {
  it.board.sql(`
    INSERT INTO tailboard.jobs (kind, queue, status, error, progress, phase, worker, tags, payload)
    SELECT 'kind.' || status, 'queue-' || n % 3, status, CASE WHEN status = 'failed' THEN E'it broke\nat line 3' END,
           CASE WHEN status = 'in_progress' THEN 0.4 END, CASE WHEN status = 'in_progress' THEN 'collect' END,
           CASE WHEN status = 'in_progress' THEN 'w-1' END, '{a,b}', '{"deep": {"list": [1, true, null, "text"]}}'
      FROM generate_series(1, 4) n,
           unnest('{scheduled,pending,in_progress,paused,completed,failed,cancelled}'::text[]) status`);
  it.board.sql(`SELECT tailboard.heartbeat('w-1', '{"host": "here"}')`);
  const id = it.board.insert({
    kind: 'with.everything',
    payload: '{"a": [1, 2, {"b": null}]}',
    phases: '[{"name":"one","status":"completed","progress":1,"message":"fine"},{"name":"two","status":"pending"}]',
  });
  it.board.sql(`UPDATE tailboard.jobs SET status = 'in_progress', progress = 0.3 WHERE id = ${id}`);
  it.board.sql(`UPDATE tailboard.jobs SET status = 'failed', error = 'no', result = '[1]' WHERE id = ${id}`);
  return id;
}

/** The same pages as they stood once everything was there. */
function past(id: number): readonly string[] {
  const cursor = it.board.sql('SELECT tailboard.cursor()');
  return ['/', '/queue', `/jobs/jobs/${id}`, '/live', '/workers', '/sources'].map((path) => `${path}?as_of=${cursor}`);
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing on any page in ${colorScheme}`, async () => {
    const id = fill();
    const page = await it.open('/', { colorScheme, reducedMotion: 'reduce' });
    for (const path of ['/', '/queue', '/queue?q=nothing-has-this', `/jobs/jobs/${id}`, '/live', ...MISSING, '/workers', '/sources', ...past(id)]) {
      await page.goto(it.board.url + path);
      await live(page);
      await settled(page);
      assert.deepEqual(await violations(page), [], `on ${path}`);
    }
    await page.goto(`${it.board.url}/live`);
    await page.locator('.event-open').first().click();
    await page.locator('.event .json').waitFor();
    assert.deepEqual(await violations(page), [], 'with an event opened');
    await page.goto(`${it.board.url}/queue`);
    await page.getByRole('button', { name: 'Act on all that match' }).click();
    await page.getByRole('toolbar').getByRole('button', { name: 'Retry' }).click();
    await page.locator('[data-dry-run]').waitFor();
    assert.deepEqual(await violations(page), [], 'in the bulk dialog');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('kind');
    await says(page.locator('.palette-choice').first(), 'kind.');
    assert.deepEqual(await violations(page), [], 'in the palette');
    await page.keyboard.press('Escape');
    await page.getByRole('checkbox').first().click();
    await page.keyboard.press('?');
    await says(page.getByRole('dialog'), 'These keys');
    assert.deepEqual(await violations(page), [], 'in the key sheet');
    await page.keyboard.press('Escape');
    assert.deepEqual(await violations(page), [], 'with a job selected');
  });
}

test('every page fits a phone of 390 px, and axe finds nothing there', async () => {
  const id = fill();
  const page = await it.open('/', { viewport: { width: 390, height: 844 }, reducedMotion: 'reduce', hasTouch: true });
  for (const path of ['/', '/queue', `/jobs/jobs/${id}`, '/live', '/workers', '/sources', ...past(id)]) {
    await page.goto(it.board.url + path);
    await live(page);
    await settled(page);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, `${path} is too wide`);
    assert.deepEqual(await violations(page), [], `on ${path}`);
  }
  const worker = 'a-worker-with-a-long-name.internal.example.com';
  it.board.insert({ kind: 'k', queue: 'queue-0', status: 'failed', worker });
  await page.goto(`${it.board.url}/queue?status=failed&queue=queue-0&worker=${worker}`);
  const on = await page.getByRole('button', { name: 'Failed', pressed: true }).boundingBox();
  assert.ok(on !== null && on.x >= 0 && on.x + on.width <= 390, 'the filter that is on is out of sight');
  await page.getByRole('button', { name: 'Filters', exact: true }).click();
  assert.ok(((await page.getByLabel('Order').boundingBox())?.width ?? 0) > 150);
  await page.getByRole('button', { name: 'Act on all that match' }).click();
  await page.getByRole('toolbar').waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, 'the filters are too wide');
  assert.deepEqual(await violations(page), [], 'with the filters open');
});
