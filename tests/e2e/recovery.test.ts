/** What breaks under an open page: the page says so, and ends equal to the database, without a reload. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Page, Request, WebSocket } from 'playwright-core';
import { Cable } from './cable.ts';
import { live, PATIENCE_MS, row, says, stage } from './harness.ts';

const it = stage();
/** A browser logs every request that found nobody. */
const OUTAGE = /Failed to load resource|WebSocket connection|ERR_CONNECTION/;
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints(OUTAGE);
});

async function markLoaded(page: Page): Promise<void> {
  await page.evaluate(() => Object.assign(window, { loadedOnce: true }));
}

async function stillTheSame(page: Page): Promise<void> {
  await page.waitForFunction(() => 'loadedOnce' in window);
}

test('a server that is killed and started again is resumed', async () => {
  const id = it.board.insert({ kind: 'survivor' });
  const page = await it.open('/queue?queue=default');
  await live(page);
  await says(row(page, id), 'Pending');
  await markLoaded(page);
  await it.board.stop('SIGKILL');
  await says(page.locator('.pill'), 'Offline');
  await says(page.locator('.banner'), 'The server cannot be reached');
  await it.board.start();
  const missed = it.board.insert({ kind: 'made.meanwhile' });
  it.board.sql(`UPDATE tailboard.jobs SET status = 'completed' WHERE id = ${id}`);
  await live(page);
  await says(row(page, id), 'Completed');
  await row(page, missed).waitFor();
  await stillTheSame(page);
});

test('after a kill, and after a reset, every row is as in the database', async () => {
  const page = await it.prepare({ viewport: { width: 1280, height: 2600 } });
  const frames: string[] = [];
  // Without a shared worker the page holds its own connection, whose frames can be read.
  await page.addInitScript(() => Reflect.deleteProperty(window, 'SharedWorker'));
  let newest: WebSocket | undefined;
  page.on('websocket', (socket) => {
    newest = socket;
    socket.on('framereceived', ({ payload }) => frames.push(String(payload)));
  });
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue) SELECT 'equal', 'equal' FROM generate_series(1, 40)");
  const restored = it.board.insert({ kind: 'set.back', queue: 'other' });
  const job = await it.open(`/jobs/jobs/${restored}`);
  const other = await it.open('/queue?queue=other');
  const restoredIs = (status: string) =>
    Promise.all([says(job.locator('.job-head'), status), says(row(other, restored), status)]);
  await restoredIs('Pending');
  await page.goto(`${it.board.url}/queue?queue=equal`);
  await Promise.all([page, job, other].map(live));
  await asInTheDatabase(page);
  await markLoaded(page);

  await it.board.stop('SIGKILL');
  await says(page.locator('.pill'), 'Offline');
  await it.board.start();
  shuffle();
  await live(page);
  await asInTheDatabase(page);
  assert.equal(frames.filter((frame) => frame.includes('"type":"reset"')).length, 0);

  // What the page is shown now is lost with its part of the log, as when an older dump is restored on another server.
  const kept = it.board.sql('SELECT max(tick_id), max(upper(seqs)) - 1 FROM tailboard.ticks').split('|');
  // By the feed, not only by a list that it has loaded: the place where it reads on is to be lost.
  assert.ok(newest);
  const told = newest.waitForEvent('framereceived', { predicate: ({ payload }) => /"kind": ?"lost"/.test(String(payload)) });
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue) SELECT 'lost', 'equal' FROM generate_series(1, 5)");
  await told;
  await asInTheDatabase(page);
  it.board.sql(`UPDATE tailboard.jobs SET status = 'failed' WHERE id = ${restored}`);
  await restoredIs('Failed');
  it.board.sql(`
    SET session_replication_role = replica;
    DELETE FROM tailboard.jobs WHERE kind = 'lost';
    UPDATE tailboard.jobs SET status = 'pending', finished_at = NULL WHERE id = ${restored};
    DELETE FROM tailboard.checkpoints WHERE position >
      (SELECT first_position + n - 1 FROM tailboard.ticks WHERE tick_id = ${kept[0]});
    DELETE FROM tailboard.ticks WHERE tick_id > ${kept[0]};
    DELETE FROM tailboard.changes WHERE seq > ${kept[1]};
    UPDATE tailboard.epochs SET system_identifier = 1`);
  await it.board.stop('SIGKILL');
  await says(page.locator('.pill'), 'Offline');
  const wasReset = () => frames.some((frame) => frame.includes('"type":"reset"'));
  // A list that is loaded meanwhile tells the page where the new log ends: then there is nothing to be reset.
  await page.route('**/api/**', (route) => (wasReset() ? route.continue() : route.abort()));
  await it.board.start();
  shuffle();
  await live(page);
  await asInTheDatabase(page);
  assert.ok(wasReset());
  await stillTheSame(page);
  await restoredIs('Pending');
  await job.locator('.moment[data-event="job_failed"]').waitFor({ state: 'detached' });
});

/** Changes, removes and adds jobs of the queue "equal" at random. */
function shuffle(): void {
  it.board.sql(`
    UPDATE tailboard.jobs SET status = (ARRAY['pending', 'in_progress', 'paused', 'completed', 'failed', 'cancelled'])[1 + (random() * 5)::int]
     WHERE queue = 'equal';
    DELETE FROM tailboard.jobs WHERE queue = 'equal' AND random() < 0.3;
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'equal', 'equal' FROM generate_series(1, 8)`);
}

/** Waits until the list shows the jobs of the queue "equal" in their order, each with its status, and nothing else. */
async function asInTheDatabase(page: Page): Promise<void> {
  const rows = it.board.sql(`SELECT 'jobs/' || id || ' ' || initcap(replace(status, '_', ' ')) FROM tailboard.jobs
                              WHERE queue = 'equal' ORDER BY id DESC`);
  await page.waitForFunction((wanted) => {
    const shown = [...document.querySelectorAll<HTMLElement>('[data-job]')]
      .sort((a, b) => Number(a.ariaRowIndex) - Number(b.ariaRowIndex))
      .map((element) => `${element.dataset.job} ${element.querySelector('.badge')?.textContent}`);
    return shown.join('\n').toLowerCase() === wanted;
  }, rows.toLowerCase());
}

test('pages that were not opened yet can be turned to while the server is away, and are filled when it comes back', async () => {
  it.board.sql("SELECT tailboard.heartbeat('w-away', '{}')");
  const id = it.board.insert({ kind: 'seen.later', status: 'in_progress', worker: 'w-away' });
  const page = await it.prepare();
  const fetched = ['JobPage', 'LivePage', 'WorkersPage', 'SourcesPage', 'Chart'].map((name) =>
    page.waitForResponse((response) => new RegExp(`/${name}-[^/]*\\.js$`).test(response.url())),
  );
  await page.goto(`${it.board.url}/queue`);
  await row(page, id).waitFor();
  await markLoaded(page);
  for (const response of await Promise.all(fetched)) await response.finished();
  await it.board.stop('SIGKILL');
  await says(page.locator('.banner'), 'The server cannot be reached');
  for (const name of ['Live', 'Sources', 'Home', 'Workers']) {
    await page.getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { level: 1, name }).waitFor({ state: 'attached' });
  }
  await it.board.start();
  await live(page);
  await says(page.locator('[data-worker="w-away"]'), `${id} seen.later`);
  await stillTheSame(page);
});

for (const [name, shown] of [
  ['Live', '.event'],
  ['Queue', '.jobs-row'],
] as const) {
  test(`${name}, opened while the server is away, is filled when it comes back`, async () => {
    it.board.insert({ kind: 'asked.in.vain' });
    const page = await it.prepare();
    const fetched = page.waitForResponse((response) => /\/LivePage-[^/]*\.js$/.test(response.url()));
    await page.goto(`${it.board.url}/sources`);
    await live(page);
    await (await fetched).finished();
    await it.board.stop('SIGKILL');
    await says(page.locator('.banner'), 'The server cannot be reached');
    await page.getByRole('link', { name, exact: true }).click();
    await says(page.locator('.main > .live > .note, .main > .queue > .note'), 'The server cannot be reached');
    await it.board.start();
    await live(page);
    await page.locator(shown).first().waitFor();
    await page.locator('.note').waitFor({ state: 'detached' });
  });
}

test('a network that is cut and restored costs nothing', async () => {
  const cable = await Cable.to(it.board.port);
  try {
    const page = await it.prepare();
    await page.goto(`${cable.url}/queue?queue=wired`);
    await live(page);
    const before = it.board.insert({ kind: 'before.the.cut', queue: 'wired' });
    await row(page, before).waitFor();
    await markLoaded(page);
    cable.pull();
    await says(page.locator('.pill'), /Offline.*\d+ s old/);
    it.board.sql(`DELETE FROM tailboard.jobs WHERE id = ${before}`);
    const meanwhile = it.board.insert({ kind: 'during.the.cut', queue: 'wired' });
    cable.plugIn();
    await page.locator('.pill').click();
    await live(page);
    await row(page, meanwhile).waitFor();
    await row(page, before).waitFor({ state: 'detached' });
    await stillTheSame(page);
  } finally {
    cable.close();
  }
});

test('a feed that stands still is told on every page, with how far it is behind, until it has caught up', async () => {
  const pages = await Promise.all(['/queue?queue=held', '/', '/sources'].map((path) => it.open(path)));
  await Promise.all(pages.map(live));
  // Nobody can put changes into their order while this is held: they are committed, and no reader is told of them.
  const holder = it.board.session();
  try {
    await holder.run('BEGIN; LOCK TABLE tailboard.ticks IN EXCLUSIVE MODE;');
    const id = it.board.insert({ kind: 'held.up', queue: 'held' });
    await Promise.all(pages.map((page) => says(page.locator('.banner'), /The feed is \d+ s behind the database/)));
    await Promise.all(pages.map((page) => says(page.locator('.pill'), /Behind.*\d+ s/)));
    const [queue, , sources] = pages as [Page, Page, Page];
    assert.equal(await row(queue, id).count(), 0);
    await says(sources.locator('[data-source="jobs"]'), /Lag\s*\d+(\.\d+)? s/);
    await holder.run('COMMIT;');
    await row(queue, id).waitFor();
    await Promise.all(pages.map((page) => page.locator('.banner').waitFor({ state: 'detached' })));
    await Promise.all(pages.map((page) => says(page.locator('.pill'), /^Live$/)));
  } finally {
    holder.end();
  }
});

test('what could not be looked for is not said to be missing', async () => {
  const page = await it.open('/queue');
  await live(page);
  await it.board.stop();
  try {
    await page.keyboard.press('Control+k');
    await page.keyboard.type('anything');
    await says(page.locator('.palette-list'), 'The server cannot be reached.');
  } finally {
    await it.board.start();
  }
});

test('a page that the browser freezes is told nothing meanwhile, and all of it afterwards', async () => {
  const page = await it.open('/queue?queue=frozen');
  await live(page);
  await markLoaded(page);
  const listeners = async () => {
    const answer = await fetch(`${it.board.url}/api/connections`);
    return ((await answer.json()) as { connections: unknown[] }).connections.length;
  };
  assert.equal(await listeners(), 1);
  // A browser without a window freezes nothing, so the page is told as a browser would tell it.
  const becomes = (state: string) => page.evaluate((name) => document.dispatchEvent(new Event(name)), state);
  await becomes('freeze');
  const patience = AbortSignal.timeout(PATIENCE_MS);
  while ((await listeners()) > 0) assert.ok(!patience.aborted, 'a frozen page still listens');
  const missed = it.board.insert({ kind: 'made.meanwhile', queue: 'frozen' });
  await becomes('resume');
  await row(page, missed).waitFor();
  await live(page);
  await stillTheSame(page);
});

test('when WebSockets are refused the board polls, and says how old it is', async () => {
  const page = await it.open('/sources');
  await page.context().routeWebSocket(/.*/, (socket) => socket.close({ code: 1013 }));
  // Without a shared worker the page holds its own connection, which this test can cut.
  await page.addInitScript(() => Reflect.deleteProperty(window, 'SharedWorker'));
  await page.goto(`${it.board.url}/queue?queue=polled`);
  await says(page.locator('.pill'), 'Polling');
  await says(page.locator('.banner'), 'The live connection is down');
  const id = it.board.insert({ kind: 'polled.job', queue: 'polled' });
  await row(page, id).waitFor();
  await says(page.locator('.pill'), /\d+ s old/);
});

test('REST is asked every 30 s beside a live socket, and without one every 5 s, on Home every 10 s', async () => {
  /** How often the list of jobs is asked for in a minute by the page's clock. */
  async function asksInAMinute(page: Page, path: string, phase: string): Promise<number> {
    await page.goto(it.board.url + path);
    await page.locator(`.pill[data-phase="${phase}"]`).waitFor();
    await page.locator('.job-line, .jobs-row, .empty').first().waitFor();
    const asked: Request[] = [];
    const count = (request: Request) => {
      if (/\/api\/jobs\?/.test(request.url())) asked.push(request);
    };
    page.on('request', count);
    for (let s = 0; s < 60; s += 1) {
      await page.clock.runFor(1_000);
      // The page's clock is faster than the network: an answer that is still on its way would hold up the next question.
      await Promise.all(asked.map(async (request) => (await request.response())?.finished()));
      await page.evaluate(() => document.body.clientWidth);
    }
    page.off('request', count);
    return asked.length;
  }
  const page = await it.prepare();
  await page.addInitScript(() => Reflect.deleteProperty(window, 'SharedWorker'));
  await page.clock.install();
  assert.equal(await asksInAMinute(page, '/queue', 'live'), 2);
  await page.context().routeWebSocket(/.*/, (socket) => socket.close({ code: 1013 }));
  assert.equal(await asksInAMinute(page, '/queue', 'polling'), 12);
  assert.equal(await asksInAMinute(page, '/', 'polling'), 6);
});

test('after a reset Live shows what its feed has skipped', async () => {
  const page = await it.prepare();
  await page.addInitScript(() => Reflect.deleteProperty(window, 'SharedWorker'));
  let reset: (cursor: string) => void = () => assert.fail('there is no socket');
  await page.routeWebSocket(/.*/, (socket) => {
    reset = (cursor) => socket.send(JSON.stringify({ type: 'reset', reason: 'lagged', cursor }));
    socket.connectToServer().onMessage((frame) => {
      if (!String(frame).includes('not.told')) socket.send(frame);
    });
  });
  await page.goto(`${it.board.url}/live`);
  await live(page);
  const event = (kind: string) => page.locator('.event', { hasText: kind });
  it.board.insert({ kind: 'told.before' });
  await event('told.before').waitFor();
  it.board.insert({ kind: 'not.told' });
  it.board.insert({ kind: 'told.after' });
  await event('told.after').waitFor();
  assert.equal(await event('not.told').count(), 0);
  const { cursor } = (await (await fetch(`${it.board.url}/api/stats`)).json()) as { cursor: string };
  reset(cursor);
  await event('not.told').waitFor();
  await event('told.before').waitFor();
});

test('a table that is emptied behind the log is loaded again', async () => {
  const id = it.board.insert({ kind: 'to.be.truncated', queue: 'emptied' });
  const page = await it.open('/queue?queue=emptied');
  await live(page);
  await row(page, id).hover();
  await markLoaded(page);
  it.board.sql('TRUNCATE tailboard.jobs');
  await row(page, id).waitFor({ state: 'detached' });
  await says(page.locator('.empty'), 'Nothing matches');
  // The pointer was on the list that is gone: it holds back nothing now.
  await row(page, it.board.insert({ kind: 'after.all', queue: 'emptied' })).waitFor();
  await stillTheSame(page);
});
