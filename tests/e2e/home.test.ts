/** Home on a narrow screen, what it ranks first, and a moment that it cannot show. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { live, row, says, stage } from './harness.ts';

const it = stage();
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints(/404 \(Not Found\)|410 \(Gone\)|400 \(Bad Request\)/);
});

test('queues where something goes on come before those that have only ended, and the others are a press away', async () => {
  it.board.sql(`
    INSERT INTO tailboard.jobs (kind, queue, status) SELECT 'ended', 'ended-' || n % 9, 'completed' FROM generate_series(1, 90) n;
    INSERT INTO tailboard.jobs (kind, queue, status) VALUES ('waits', 'waiting', 'pending'), ('runs', '', 'in_progress')`);
  const page = await it.open('/');
  const rows = page.locator('.queues tbody tr');
  await says(rows.first(), 'no queue');
  await says(rows.nth(1), 'waiting');
  await page.getByRole('link', { name: 'and 3 more' }).waitFor();
  await rows.first().getByRole('link').click();
  await page.waitForURL(/\/queue\?queue=$/);
  await page.locator('[data-row-count="1"]').waitFor();
});

test('of the workers those that are lost with a job come first', async () => {
  const id = it.board.insert({ kind: 'stranded', status: 'in_progress', worker: 'z-lost' });
  it.board.sql(`
    SELECT tailboard.heartbeat('w-' || n, '{}') FROM generate_series(1, 7) n;
    SELECT tailboard.heartbeat('z-lost', '{}');
    UPDATE tailboard.workers SET seen_at = clock_timestamp() - interval '10 min' WHERE name = 'z-lost'`);
  const page = await it.open('/');
  await says(page.locator('.worker-line').first(), 'z-lost');
  it.board.sql(`DELETE FROM tailboard.jobs WHERE id = ${id}`);
});

test('a chart is drawn once its minutes are known, and not as an hour in which nothing happened', async () => {
  const page = await it.prepare();
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await page.route('**/api/stats/history?*', async (route) => {
    await asked;
    await route.continue();
  });
  await page.goto(`${it.board.url}/`);
  await page.locator('.worker-line, .workers-count').first().waitFor();
  const heights = () => page.locator('.home-charts').evaluate((it) => it.getBoundingClientRect().height);
  const before = await heights();
  assert.equal(await page.locator('.chart').count(), 0);
  answer();
  await page.locator('.chart canvas').first().waitFor();
  assert.equal(await heights(), before);
});

for (const width of [320, 340]) {
  test(`at ${width} px no figure and no word of a legend is cut or runs into another`, async () => {
    it.board.sql("INSERT INTO tailboard.jobs (kind, queue) SELECT 'many', 'many' FROM generate_series(1, 16000)");
    const page = await it.open('/', { viewport: { width, height: 800 } });
    await live(page);
    await says(page.locator('[data-stat="pending"]'), /^\d\d,\d{3}$/);
    await page.locator('.chart canvas').nth(1).waitFor();
    const broken = await page.evaluate(() => {
      const inside = (outer: Element, inner: DOMRect) => {
        const box = outer.getBoundingClientRect();
        return inner.left >= box.left && inner.right <= box.right;
      };
      const written = (element: Element) => {
        const range = document.createRange();
        range.selectNodeContents(element);
        return range.getBoundingClientRect();
      };
      const cut = [...document.querySelectorAll('.figure dd, .figure dt, .chart-legend th:not(:has(.sr-only)), .chart-legend td')]
        .filter((it) => !inside(it, written(it)))
        .map((it) => it.textContent);
      const touching = [...document.querySelectorAll('.figure')].filter((it) => {
        const [word, count] = [it.querySelector('dt a'), it.querySelector('dd')].map((part) => part && written(part));
        return word && count && count.top < word.bottom && count.left - word.right < 6;
      });
      return [...cut, ...touching.map((it) => it.textContent)];
    });
    assert.deepEqual(broken, []);
    const heights = await page.locator('.figure').evaluateAll((all) => all.map((it) => it.getBoundingClientRect().height));
    assert.equal(new Set(heights).size, 1, `the figures are not of one height: ${heights.join(', ')}`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
    it.board.sql("DELETE FROM tailboard.jobs WHERE kind = 'many'");
  });
}

test('a moment that cannot be shown is said once, with nothing that waits for it', async () => {
  const page = await it.open('/?as_of=2099-01-01T00:00:00Z');
  await page.locator('.timebar-error .note').waitFor();
  await page.locator('main .skeleton').first().waitFor({ state: 'detached' });
  assert.equal(await page.locator('.note').count(), 1);
  const id = it.board.insert({ kind: 'is.now' });
  await page.getByRole('button', { name: 'Now' }).click();
  await says(page.locator('.job-line').first(), `${id} is.now`);
  await page.getByRole('link', { name: 'All jobs' }).click();
  await row(page, id).waitFor();
});
