/**
 * How smooth the queue stays: 100,000 jobs in its list, 1,000 changes a second for half a minute.
 *
 *     node smoothness.ts [--quick] [--json PATH]
 *
 * Prints tasks on the main thread over 50 ms, the longest, and the heap before and after; and whether that is within
 * the aim: none over 100 ms, and a heap that has not grown by more than a tenth.
 */

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, totalmem, type } from 'node:os';
import { parseArgs } from 'node:util';
import { Board } from './board.ts';
import { launch } from './chromium.ts';

const { values: asked } = parseArgs({
  options: { quick: { type: 'boolean' }, full: { type: 'boolean' }, json: { type: 'string' } },
});
const QUICK = asked.quick === true;
const JOBS = QUICK ? 10_000 : 100_000;
const SECONDS = QUICK ? 5 : 30;
const TASK_MS = 100;
const GROWTH = 1.1;
const BURST = 20;
const BURSTS_A_SECOND = 50;

const board = await Board.up();
const browser = await launch();
try {
  // As full as a row gets from here on: what jobs gain on their way would look like memory that is not given back.
  board.sql(
    `INSERT INTO tailboard.jobs (kind, queue, status, attempt, progress, started_at, finished_at)
     SELECT 'smooth.' || n % 7, 'q' || n % 5, 'completed', 1, random(), clock_timestamp(), clock_timestamp()
       FROM generate_series(1, ${JOBS}) n`,
  );
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.addInitScript(() => {
    const tasks: number[] = [];
    Object.assign(window, { tasks });
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
      entryTypes: ['longtask'],
    });
  });
  await page.goto(`${board.url}/queue`);
  await page.locator('.pill[data-phase="live"]').waitFor();
  await page.locator('[data-job]').first().waitFor();
  const rows = await loadRows();
  await page.evaluate(() => document.querySelector('.jobs')?.scrollTo(0, 0));

  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable');
  const before = await heap();
  await page.evaluate(() => (Reflect.get(window, 'tasks') as number[]).splice(0));
  const began = Date.now();
  const changed = await change();
  const seconds = (Date.now() - began) / 1000;
  const tasks = await page.evaluate(() => Reflect.get(window, 'tasks') as number[]);
  const after = await heap();
  const long = tasks.filter((ms) => ms > TASK_MS).length;
  const phase = await page.locator('.pill').getAttribute('data-phase');
  console.log(
    [
      `${rows.toLocaleString()} rows in the list, ${changed.toLocaleString()} changes in ${seconds.toFixed(0)} s (${Math.round(changed / seconds)}/s), ${phase}`,
      `tasks over 50 ms: ${tasks.length}, longest ${Math.round(Math.max(0, ...tasks))} ms, over ${TASK_MS} ms: ${long} (aim 0)`,
      `heap after collection: ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after (aim ${(before * GROWTH).toFixed(1)})`,
      long === 0 && after <= before * GROWTH ? 'within the aim' : 'MISSES THE AIM',
    ].join('\n'),
  );
  if (asked.json !== undefined) {
    const machine = { cores: availableParallelism(), memory_gib: Math.round(totalmem() / 2 ** 30), system: type() };
    const longest = Math.max(0, ...tasks);
    const results = { rows, changes: changed, seconds, phase, tasks: tasks.length, longest_ms: longest, before, after };
    writeFileSync(asked.json, JSON.stringify({ machine, size: QUICK ? 'quick' : 'standard', results }, null, 1));
  }

  async function loadRows(): Promise<number> {
    const deadline = Date.now() + 120_000;
    let loaded = 0;
    while (loaded < JOBS && Date.now() < deadline) {
      loaded = await page.evaluate(() => {
        const list = document.querySelector('.jobs');
        list?.scrollTo(0, list.scrollHeight);
        return Number(document.querySelector('[data-row-count]')?.getAttribute('data-row-count'));
      });
    }
    return loaded;
  }

  async function heap(): Promise<number> {
    await cdp.send('HeapProfiler.collectGarbage');
    const { metrics } = await cdp.send('Performance.getMetrics');
    return (metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? 0) / 1e6;
  }
} finally {
  await browser.close();
  await board.remove();
}

/** Commits bursts from the database's own loop, so that psql's start-up does not count. */
async function change(): Promise<number> {
  const bursts = SECONDS * BURSTS_A_SECOND;
  const script = `DO $$
    DECLARE began timestamptz := clock_timestamp();
    BEGIN
      FOR burst IN 1..${bursts} LOOP
        UPDATE tailboard.jobs j
           SET status = CASE j.status WHEN 'pending' THEN 'in_progress' WHEN 'in_progress' THEN 'completed' ELSE 'pending' END,
               progress = random()
         WHERE j.id IN (SELECT ${JOBS} - floor(power(random(), 4) * ${JOBS - 1})::bigint FROM generate_series(1, ${BURST}));
        COMMIT;
        PERFORM pg_sleep(greatest(0, burst::float8 / ${BURSTS_A_SECOND} - extract(epoch FROM clock_timestamp() - began)));
      END LOOP;
    END $$`;
  const before = Number(board.sql('SELECT max(seq) FROM tailboard.changes'));
  await new Promise<void>((resolve, reject) => {
    const psql = spawn(...board.psql(script), { stdio: 'inherit' });
    psql.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`psql ended with ${code}`))));
  });
  return Number(board.sql('SELECT max(seq) FROM tailboard.changes')) - before;
}
