/** How much the first visit costs. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { stage } from './harness.ts';

const it = stage();
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints();
});

test('the first page needs less than 200 kB of gzipped JavaScript', async () => {
  const page = await it.open('/sources');
  const scripts = new Map<string, number>();
  const reading: Promise<void>[] = [];
  page.on('response', (response) => {
    if (!response.url().endsWith('.js')) return;
    reading.push(response.body().then((body) => void scripts.set(response.url(), gzipSync(body).length)));
  });
  await page.goto(`${it.board.url}/`);
  await page.waitForLoadState('networkidle');
  await Promise.all(reading);
  const total = [...scripts.values()].reduce((sum, size) => sum + size, 0);
  console.log(`initial JavaScript: ${(total / 1000).toFixed(1)} kB gzip in ${scripts.size} files`);
  assert.ok(scripts.size > 0);
  assert.ok(total < 200_000);
});

test('fifty jobs are on the page within a second of a cold start', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind) SELECT 'cold.start' FROM generate_series(1, 50)");
  const page = await it.open('/queue', { viewport: { width: 1280, height: 2600 } });
  await page.locator('[data-row-count="50"]').waitFor();
  const ms = await page.evaluate(() => {
    const rows = document.querySelectorAll('[data-job]').length;
    return { rows, painted: performance.getEntriesByName('jobs-shown')[0]?.startTime ?? performance.now() };
  });
  console.log(`${ms.rows} rows, ${Math.round(ms.painted)} ms after the navigation began`);
  assert.ok(ms.rows >= 50);
  assert.ok(ms.painted < 1_000);
});
