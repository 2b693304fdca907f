/**
 * How smooth the queue stays, and whether its memory does: 100,000 jobs in its list, 1,000 changes a second.
 *
 *     node smoothness.ts [--quick] [--empty] [--json PATH]
 *
 * For half a minute it counts tasks on the main thread over 50 ms. For a minute and a half more it collects garbage every
 * ten seconds (which are long tasks themselves) and prints the size of the page's heap and of the shared worker's, beside
 * how many different jobs have been told of by then; at the end, what has grown since the beginning, by constructor.
 *
 * The aims: no task over 100 ms, and a heap that does not grow. Rows begin as full as they get; with --empty they have
 * neither times nor progress to begin with, and the heap grows by what these take, for each job that is told of the first
 * time.
 */

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, totalmem, type } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Board } from './board.ts';
import { launch } from './chromium.ts';
import { growth, Heap } from './heap.ts';

const { values: asked } = parseArgs({
  options: { quick: { type: 'boolean' }, full: { type: 'boolean' }, empty: { type: 'boolean' }, json: { type: 'string' } },
});
const QUICK = asked.quick === true;
const JOBS = QUICK ? 10_000 : 100_000;
const SMOOTH_S = QUICK ? 5 : 30;
const MEMORY_S = QUICK ? 6 : 90;
const WARM_S = 3;
const SAMPLE_S = QUICK ? 2 : 10;
const TASK_MS = 100;
/** How much the heap may differ from itself: it is never twice the same to the byte. */
const GROWTH = 1.05;
/** What a row gains when its job is told of the first time: three times, a share, and a version. */
const GAIN_BYTES = 250;
const BURST = 20;
const BURSTS_A_SECOND = 50;
const SHOWN = 8;

interface Sample {
  readonly s: number;
  readonly page_mb: number;
  readonly worker_mb: number;
  /** Different jobs that the feed has told of. */
  readonly told: number;
}

const board = await Board.up();
const browser = await launch();
try {
  board.sql(
    asked.empty === true
      ? `INSERT INTO tailboard.jobs (kind, queue) SELECT 'smooth.' || n % 7, 'q' || n % 5 FROM generate_series(1, ${JOBS}) n`
      : `INSERT INTO tailboard.jobs (kind, queue, status, attempt, progress, started_at, finished_at)
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

  const heap = await Heap.ofPage(page);
  const worker = await Heap.ofSharedWorker(browser);
  const written = newest();
  await change(WARM_S); // what the browser compiles and draws the first time is not growth
  const contents = await heap.contents();
  const first = await sample(0);
  await page.evaluate(() => (Reflect.get(window, 'tasks') as number[]).splice(0));

  const smooth = await change(SMOOTH_S);
  const tasks = await page.evaluate(() => Reflect.get(window, 'tasks') as number[]);
  const samples = [first, await sample(SMOOTH_S)];
  const remembering = change(MEMORY_S);
  for (let s = SAMPLE_S; s < MEMORY_S; s += SAMPLE_S) {
    await Promise.race([remembering, pause(SAMPLE_S * 1000)]);
    samples.push(await sample(SMOOTH_S + s));
  }
  const remembered = await remembering;
  const phase = await page.locator('.pill').getAttribute('data-phase');
  samples.push(await sample(SMOOTH_S + MEMORY_S));
  const grown = growth(contents, await heap.contents(), SHOWN);

  const rate = (smooth.changes + remembered.changes) / (smooth.seconds + remembered.seconds);
  const longest = Math.max(0, ...tasks);
  const long = tasks.filter((ms) => ms > TASK_MS).length;
  const [before, after] = [first.page_mb, samples.at(-1)?.page_mb ?? 0];
  const told = (samples.at(-1)?.told ?? 0) - first.told;
  const flat = after <= before * GROWTH + (asked.empty === true ? (told * GAIN_BYTES) / 1e6 : 0);
  console.log(
    [
      `${rows.toLocaleString()} rows in the list, ${Math.round(rate)} changes/s, ${phase}`,
      `tasks over 50 ms in ${smooth.seconds.toFixed(0)} s: ${tasks.length}, longest ${Math.round(longest)} ms, over ${TASK_MS} ms: ${long} (aim 0)`,
      '    s  page MB  worker MB  jobs told of',
      ...samples.map(
        ({ s, page_mb, worker_mb, told }) =>
          `${String(s).padStart(5)} ${page_mb.toFixed(2).padStart(8)} ${worker_mb.toFixed(2).padStart(10)} ${told.toLocaleString().padStart(13)}`,
      ),
      `grown since the beginning, most first${told > 0 ? ` (${(((after - before) * 1e6) / told).toFixed(0)} bytes for each job told of)` : ''}:`,
      ...grown.map((line) => `  ${line}`),
      long === 0 && flat ? 'within the aims' : `MISSES THE AIM${long > 0 ? ' of tasks' : ''}${flat ? '' : ' of memory'}`,
    ].join('\n'),
  );
  if (asked.json !== undefined) {
    const machine = { cores: availableParallelism(), memory_gib: Math.round(totalmem() / 2 ** 30), system: type() };
    const { changes, seconds } = smooth;
    const results = { rows, changes, seconds, phase, tasks: tasks.length, longest_ms: longest, before, after, samples, grown };
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

  async function sample(s: number): Promise<Sample> {
    const told = Number(board.sql(`SELECT count(DISTINCT job_id) FROM tailboard.changes WHERE seq > ${written}`));
    return { s, page_mb: await heap.size(), worker_mb: (await worker?.size()) ?? 0, told };
  }
} finally {
  await browser.close();
  await board.remove();
}

function newest(): number {
  return Number(board.sql('SELECT max(seq) FROM tailboard.changes'));
}

/** Commits bursts from the database's own loop, so that psql's start-up does not count. */
async function change(duration: number): Promise<{ changes: number; seconds: number }> {
  const script = `DO $$
    DECLARE began timestamptz := clock_timestamp();
    BEGIN
      FOR burst IN 1..${duration * BURSTS_A_SECOND} LOOP
        UPDATE tailboard.jobs j
           SET status = CASE j.status WHEN 'pending' THEN 'in_progress' WHEN 'in_progress' THEN 'completed' ELSE 'pending' END,
               progress = random()
         WHERE j.id IN (SELECT ${JOBS} - floor(power(random(), 4) * ${JOBS - 1})::bigint FROM generate_series(1, ${BURST}));
        COMMIT;
        PERFORM pg_sleep(greatest(0, burst::float8 / ${BURSTS_A_SECOND} - extract(epoch FROM clock_timestamp() - began)));
      END LOOP;
    END $$`;
  const [before, began] = [newest(), Date.now()];
  await new Promise<void>((resolve, reject) => {
    const psql = spawn(...board.psql(script), { stdio: 'inherit' });
    psql.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`psql ended with ${code}`))));
  });
  return { changes: newest() - before, seconds: (Date.now() - began) / 1000 };
}
