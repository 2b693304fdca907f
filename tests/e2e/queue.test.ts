/** The list of jobs: searched, acted on, left and come back to, at every width. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { answers, live, row, says, stage } from './harness.ts';

const it = stage();
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints(/409 \(Conflict\)/);
});

/** What has the focus, in words: its label, or what it says. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement;
    return element?.getAttribute('aria-label') ?? element?.textContent ?? '';
  });
}

/** Changes jobs of a queue twenty times a second, as busy workers do, until it is told to stop. */
function busy(queue: string): () => Promise<void> {
  const worker = it.board.session();
  let working = true;
  const work = (async () => {
    while (working)
      await worker.run(`UPDATE tailboard.jobs SET priority = priority + 1 WHERE queue = '${queue}'; SELECT pg_sleep(0.05);`);
    worker.end();
  })();
  return () => {
    working = false;
    return work;
  };
}

test('a search is made while the jobs in sight change all the time', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue) SELECT 'churn', 'busy' FROM generate_series(1, 20)");
  it.board.insert({ kind: 'calm', queue: 'busy' });
  const page = await it.open('/queue?queue=busy');
  await live(page);
  const rest = busy('busy');
  try {
    await page.locator('[data-row-count="21"]').waitFor();
    await page.getByRole('searchbox').fill('calm');
    await page.locator('[data-row-count="1"]').waitFor();
  } finally {
    await rest();
  }
});

test('all that match are all, also beyond what a search looks at', async () => {
  it.board.sql(`
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'an.old.needle', 'deep' FROM generate_series(1, 60);
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'hay', 'deep' FROM generate_series(1, 10100);
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'a.new.needle', 'deep' FROM generate_series(1, 5)`);
  const page = await it.open('/queue?queue=deep&q=needle');
  await page.locator('[data-row-count="5"]').waitFor();
  await page.getByRole('button', { name: 'Act on all that match' }).click();
  await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).click();
  await says(page.locator('[data-dry-run]'), '65 jobs will be cancelled');
  await page.getByRole('button', { name: 'Cancel 65' }).click();
  await says(page.locator('.toast'), '65 jobs cancelled');
  assert.equal(
    it.board.sql("SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind) FROM (SELECT kind, count(*) n FROM tailboard.jobs WHERE status = 'cancelled' GROUP BY 1) c"),
    'a.new.needle 5, an.old.needle 60',
  );
});

test('who has waited enough acts on what was found so far, and is told so', async () => {
  it.board.sql(`
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'the.last.straw', 'long' FROM generate_series(1, 3);
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'hay', 'long' FROM generate_series(1, 10100);
    INSERT INTO tailboard.jobs (kind, queue) SELECT 'a.first.straw', 'long' FROM generate_series(1, 2)`);
  const page = await it.open('/queue?queue=long&q=straw');
  let pages = 0;
  // The second page of the search through all jobs never comes.
  await page.route(/\/api\/jobs\?(?!.*q=).*limit=500/, async (route) => {
    pages += 1;
    if (pages === 1) return route.continue();
    await says(page.getByRole('dialog'), '2 found so far, in 500 jobs');
    await page.getByRole('button', { name: 'Look no further' }).click();
    return route.continue();
  });
  await page.getByRole('button', { name: 'Act on all that match' }).click();
  await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).click();
  await says(page.locator('[data-dry-run]'), '2 jobs will be cancelled: those found so far.');
  assert.equal(pages, 2);
  await page.getByRole('button', { name: 'Cancel 2' }).click();
  await says(page.locator('.toast'), '2 jobs cancelled');
  assert.equal(it.board.sql("SELECT count(*) FROM tailboard.jobs WHERE queue = 'long' AND status = 'cancelled'"), '2');
});

test('what was not done stays selected, and the focus goes on in the list', async () => {
  const ids = [1, 2].map(() => it.board.insert({ kind: 'half', queue: 'half' }));
  const page = await it.open('/queue?queue=half');
  await live(page);
  for (const id of ids) await page.getByLabel(`Select job ${id}`).click();
  await page.route(`**/api/jobs/jobs/${ids[0]}/pause`, (route) =>
    route.fulfill({ status: 409, json: { code: 'action_refused', detail: 'Not this one.' } }),
  );
  await page.getByRole('toolbar').getByRole('button', { name: 'Pause' }).click();
  await says(page.locator('.toast'), 'Not this one.');
  await says(page.locator('.bulk-count'), '1 selected');
  assert.ok(await page.getByLabel(`Select job ${ids[0]}`).isChecked());

  await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).press('Enter');
  await page.getByRole('toolbar').waitFor({ state: 'detached' });
  assert.equal(await focused(page), 'Jobs');
  await answers(it.board, "SELECT string_agg(status, ' ' ORDER BY id) FROM tailboard.jobs WHERE queue = 'half'", 'cancelled paused');
});

test('the focus is never lost: after Escape in the toolbar, after an action on all, without a filter', async () => {
  const id = it.board.insert({ kind: 'focus', queue: 'focus', status: 'failed' });
  it.board.insert({ kind: 'focus', queue: 'focus', status: 'failed' });
  const page = await it.open('/queue?queue=focus&kind=focus&status=failed');
  await row(page, id).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('a');
  await page.keyboard.press('Escape');
  await page.getByRole('toolbar').waitFor({ state: 'detached' });
  assert.match(await focused(page), new RegExp(`^${id} focus`)); // the row that it came from

  await page.keyboard.press('a');
  await page.getByRole('toolbar').getByRole('button', { name: 'Delete' }).press('Enter');
  await page.getByRole('button', { name: 'Delete 2' }).press('Enter');
  await says(page.locator('.empty'), 'Nothing matches');
  assert.match(await focused(page), /Queue|Jobs/);

  await page.getByRole('button', { name: 'Remove filter Queue focus' }).press('Enter');
  assert.equal(await focused(page), 'Remove filter Kind focus');
  await page.getByRole('button', { name: 'Clear filters' }).press('Enter');
  await page.waitForURL(/\/queue$/);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('role')), 'search');
});

test('"back" from a job finds the list as it was left, also when new jobs came meanwhile', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue) SELECT 'there.and.back', 'place' FROM generate_series(1, 700)");
  const page = await it.open('/queue?queue=place');
  await live(page);
  // Page by page to the third one of the list.
  await page.waitForFunction(() => {
    const rows = document.querySelector('.jobs');
    rows?.scrollTo(0, 450 * 40 + 13);
    return (rows?.scrollTop ?? 0) === 450 * 40 + 13;
  });
  const left = page.locator('[data-job][aria-rowindex="460"]');
  const name = await left.getAttribute('data-job');
  const before = await left.boundingBox();
  await left.getByRole('link').click();
  await page.waitForURL(/\/jobs\/jobs\//);
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue) SELECT 'came.meanwhile', 'place' FROM generate_series(1, 7)");
  await page.goBack();
  const found = page.locator(`[data-job="${name}"]`);
  await found.locator('a:focus').waitFor();
  assert.equal(await found.getAttribute('aria-rowindex'), '467');
  assert.deepEqual(await found.boundingBox(), before);

  await page.keyboard.press('j');
  await page.keyboard.press('o');
  await page.waitForURL(/\/jobs\/jobs\//);
  await page.goBack();
  await page.locator('[aria-rowindex="468"] a:focus').waitFor();
});

test('at every width the list is as wide as its place, and says when', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue, status) SELECT 'some.kind', 'widths', 'failed' FROM generate_series(1, 30)");
  const page = await it.open('/queue?queue=widths');
  await page.locator('[data-row-count="30"]').waitFor();
  for (const width of [320, 390, 720, 721, 830, 943, 944, 1101, 1239, 1240, 1280, 1800]) {
    await page.setViewportSize({ width, height: 800 });
    // The rows are drawn anew where their height changes.
    const height = width < 944 ? 66 : 40;
    await page.waitForFunction((wanted) => document.querySelector('.jobs-row:nth-child(2)')?.getBoundingClientRect().height === wanted, height);
    const sizes = await page.evaluate(() => {
      const jobs = document.querySelector('.jobs');
      const [list, when] = [jobs, document.querySelector('.jobs-row .cell-when')].map((each) => each?.getBoundingClientRect());
      const { scrollHeight, clientHeight } = document.documentElement;
      return {
        over: (jobs?.scrollWidth ?? 0) - (jobs?.clientWidth ?? 0),
        beyond: (when?.right ?? 9e9) - (list?.right ?? 0),
        scrolls: scrollHeight - clientHeight,
      };
    });
    assert.equal(sizes.over, 0, `at ${width} px the list is too wide`);
    assert.ok(sizes.beyond < 0, `at ${width} px "When" is out of sight`);
    assert.equal(sizes.scrolls, 0, `at ${width} px the page scrolls as well as the list`);
  }
});

test('what takes the filters away stands beside the search, and moves the list at no width', async () => {
  const page = await it.open('/queue');
  await live(page);
  await says(page.locator('[data-row-count]'), 'job');
  const search = page.getByRole('searchbox');
  const clear = page.getByRole('button', { name: 'Clear filters' });
  const failed = page.getByRole('button', { name: 'Failed' });
  const top = async (what: Locator) => (await what.boundingBox())?.y;
  for (const width of [320, 390, 768, 1024, 1100, 1240, 1280, 1366, 1920]) {
    await page.setViewportSize({ width, height: 800 });
    const before = await top(page.locator('.queue-panel'));
    await failed.click();
    assert.equal(await top(clear), await top(search), `not beside the search at ${width} px`);
    assert.equal(await top(page.locator('.queue-panel')), before, `the list moves at ${width} px`);
    await clear.click();
    await clear.waitFor({ state: 'detached' });
  }
});

test('a list says how many jobs match, not how many are loaded, where that is counted', async () => {
  it.board.sql(`INSERT INTO tailboard.jobs (kind, queue, status)
    SELECT 'of.many', 'many', (ARRAY['pending', 'completed'])[1 + n % 2] FROM generate_series(1, 700) n`);
  const page = await it.open('/queue?queue=many');
  await says(page.locator('[data-row-count="200"]'), /^700 jobs$/);
  await page.getByRole('button', { name: 'Pending' }).click();
  await says(page.locator('[data-row-count="200"]'), /^350 jobs$/);
  await page.goto(`${it.board.url}/queue?kind=of.many`);
  await says(page.locator('[data-row-count="200"]'), /^200\+ jobs$/);
});

test('typing in the search leaves one place to go "back" to, and a filter one of its own', async () => {
  const page = await it.open('/');
  await live(page);
  await page.getByRole('link', { name: 'Queue', exact: true }).click();
  for (const text of ['a', 'ab', 'abc']) {
    await page.getByRole('searchbox').fill(text);
    await page.waitForURL((url) => url.searchParams.get('q') === text);
  }
  await page.getByRole('button', { name: 'Failed' }).click();
  await page.waitForURL(/status=failed/);
  await page.goBack();
  await page.waitForURL(/\/queue\?q=abc$/);
  await page.goBack();
  await page.waitForURL(`${it.board.url}/`);
});

test('on a low screen several jobs stay in sight beside the toolbar', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue) SELECT 'low', 'low' FROM generate_series(1, 20)");
  const id = it.board.insert({ kind: 'low', queue: 'low' });
  const page = await it.open('/queue?queue=low', { viewport: { width: 720, height: 450 } });
  await page.getByLabel(`Select job ${id}`).click();
  await page.getByRole('toolbar').waitFor();
  const [list, top, nav] = await Promise.all(['.jobs', '.top', '.nav'].map((each) => page.locator(each).boundingBox()));
  assert.ok(list && top && nav);
  const seen = Math.min(list.y + list.height, nav.y) - Math.max(list.y, top.y + top.height);
  assert.ok(seen >= 2.5 * 66, `of the list ${seen} px are in sight`);
  // Nor does the bar of pages cover the end of it.
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  const end = await page.locator('.jobs').boundingBox();
  assert.ok(end && end.y + end.height <= nav.y);
});

test('what a row cuts off can be read', async () => {
  it.board.sql('CREATE TABLE orders (id text PRIMARY KEY, state text)');
  it.board.attach(`
[sources.a-source-with-a-very-long-name]
table = "public.orders"
id = "id"
queue = "'late'"

[sources.a-source-with-a-very-long-name.status]
column = "state"
map = { new = "pending" }
`);
  it.board.sql("INSERT INTO orders VALUES ('ord-2026-000000017', 'new')");
  it.board.insert({ kind: 'k', queue: 'cut', worker: 'a-worker', status: 'in_progress', phase: 'a phase' });
  it.board.insert({ kind: 'k', queue: 'cut', status: 'failed', error: '\n\n  it broke\nat line 2' });
  const page = await it.open('/queue?source=a-source-with-a-very-long-name');
  const order = row(page, 'ord-2026-000000017', 'a-source-with-a-very-long-name');
  const queue = await order.getByText('late', { exact: true }).boundingBox();
  assert.ok((queue?.width ?? 0) >= 20, 'the queue is out of sight');
  await page.setViewportSize({ width: 390, height: 800 });
  assert.equal(await order.locator('.mono').first().innerText(), 'ord-…0017');
  // Nothing can be done to jobs that are only watched.
  assert.equal(await page.getByRole('checkbox').count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Act on all that match' }).count(), 0);

  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto(`${it.board.url}/queue?queue=cut`);
  for (const title of ['k', 'jobs / cut', 'a-worker', 'a phase']) await page.getByTitle(title, { exact: true }).first().waitFor();
  await says(page.locator('.jobs-error'), /^\s*it broke$/);
});

test('what ends is told in passing and not again and again, and can be muted for good', async () => {
  const ids = [1, 2, 3, 4].map(() => it.board.insert({ kind: 'told', queue: 'told', status: 'in_progress' }));
  const page = await it.prepare();
  // Every word that is shown in passing.
  await page.addInitScript(() => {
    const words = new Set<string>();
    Object.assign(window, { words });
    const note = () => {
      for (const each of document.querySelectorAll('.toast strong')) words.add(each.textContent ?? '');
    };
    new MutationObserver(note).observe(document, { childList: true, subtree: true, characterData: true });
  });
  await page.goto(`${it.board.url}/queue?queue=told`);
  await live(page);
  const complete = async (id: number | undefined) => {
    it.board.sql(`UPDATE tailboard.jobs SET status = 'completed' WHERE id = ${id}`);
    await says(row(page, id ?? 0), 'Completed');
  };
  await complete(ids[0]);
  await says(page.locator('.toast'), `told ${ids[0]} completed`);
  await complete(ids[1]);
  await complete(ids[2]);
  await page.locator('.toast').waitFor({ state: 'detached' });
  assert.deepEqual(await page.evaluate(() => [...(Reflect.get(window, 'words') as Set<string>)]), [`told ${ids[0]} completed`]);

  it.board.sql(`UPDATE tailboard.jobs SET status = 'failed' WHERE id = ${ids[3]}`);
  await says(page.locator('.toast'), `told ${ids[3]} failed`);
  await page.locator('.toast').getByRole('button', { name: 'Mute' }).click();
  await page.reload();
  await live(page);
  const mute = page.getByRole('button', { name: 'Mute notifications of jobs', pressed: true });
  await mute.waitFor();
  await complete(ids[3]);
  assert.equal(await page.locator('.toast').count(), 0);
  await mute.click();
  it.board.sql(`UPDATE tailboard.jobs SET status = 'failed' WHERE id = ${ids[3]}`);
  await says(page.locator('.toast'), `told ${ids[3]} failed`);
});

/** Holds the answers to what matches, until it is told to let them go on. */
async function held(page: Page, what: RegExp): Promise<() => void> {
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await page.route(what, async (route) => {
    await asked;
    await route.continue();
  });
  return answer;
}

for (const width of [768, 1024, 1100, 1280]) {
  test(`nothing that comes late moves what is there at ${width} px: no row, no count, no name of a source`, async () => {
    it.board.sql('CREATE TABLE IF NOT EXISTS second (id int PRIMARY KEY)');
    if (it.board.sql("SELECT count(*) FROM tailboard.sources WHERE name = 'second'") === '0')
      it.board.attach(`[sources.second]\ntable = "public.second"\nid = "id"\nstatus = "'pending'"\n`);
    const page = await it.prepare({ viewport: { width, height: 800 } });
    const answer = await held(page, /\/api\/jobs\?/);
    const count = await held(page, /\/api\/stats\?/);
    const name = await held(page, /\/api\/sources$/);
    await page.goto(`${it.board.url}/queue`);
    await live(page);
    const list = page.locator('.queue-panel');
    const before = await list.boundingBox();
    const id = it.board.insert({ kind: 'early' });
    it.board.sql(`UPDATE tailboard.jobs SET status = 'failed' WHERE id = ${id}`);
    await says(page.locator('.toast'), `early ${id} failed`); // the feed has brought it
    assert.equal(await page.locator('[data-job]').count(), 0);
    await page.locator('.queue .skeleton').first().waitFor();
    count();
    await says(page.getByRole('group', { name: 'Status' }).getByRole('button', { name: 'Failed' }), /\d$/);
    assert.deepEqual(await list.boundingBox(), before);
    name();
    await page.getByRole('combobox', { name: 'Source', exact: true }).waitFor();
    assert.deepEqual(await list.boundingBox(), before);
    answer();
    await row(page, id).waitFor();
    assert.equal(await page.locator('.queue .skeleton').count(), 0);
    assert.deepEqual(await list.boundingBox(), before);
  });
}

test('where nothing could be loaded the list says so, and leaves no empty frame', async () => {
  const page = await it.prepare();
  await page.route(/\/api\/jobs\?/, (route) =>
    route.fulfill({ status: 500, contentType: 'application/problem+json', body: '{"detail": "the server made a mistake"}' }),
  );
  await page.goto(`${it.board.url}/queue`);
  await says(page.locator('.note'), 'The server made a mistake.');
  assert.equal(await page.locator('.queue-panel').isVisible(), false);
  await page.unrouteAll();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('.queue-panel').waitFor();
  it.complaints.splice(0); // of the answer that was made up
});

test('when all that was loaded has been acted on, the list says so by itself', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue, status) SELECT 'gone', 'gone', 'failed' FROM generate_series(1, 250)");
  const page = await it.open('/queue?queue=gone&status=failed');
  await live(page);
  await page.locator('[data-row-count="200"]').waitFor();
  await page.getByRole('button', { name: 'Act on all that match' }).click();
  await page.getByRole('toolbar').getByRole('button', { name: 'Retry' }).click();
  await page.getByRole('button', { name: 'Retry 250' }).click();
  await says(page.locator('.empty'), 'Nothing matches');
  assert.equal(await page.locator('[data-row-count]').textContent(), '0 jobs');
});

test('a search that finds nothing says how to go on, and one for the name of a job leads there', async () => {
  it.board.sql("INSERT INTO tailboard.jobs (kind, queue) SELECT 'hay', 'hay' FROM generate_series(1, 10100)");
  const id = it.board.insert({ kind: 'named', queue: '  spaced' });
  const page = await it.open('/queue?q=nowhere');
  await says(page.locator('.empty'), 'Only the newest 10,000 jobs of each source were looked at');
  assert.equal(await page.locator('.note').count(), 0);
  assert.doesNotMatch((await page.locator('.empty').textContent()) ?? '', /Loosen/);

  await page.getByRole('searchbox').fill('x'.repeat(300));
  await page.waitForURL(new RegExp(`q=x{200}$`));
  await page.goto(`${it.board.url}/queue?q=${'y'.repeat(300)}`);
  await says(page.locator('.empty'), 'Only the newest');
  assert.equal(await page.locator('.note').count(), 0);

  await page.goto(`${it.board.url}/queue`);
  await row(page, id).waitFor();
  await page.getByLabel('Queue to filter by').fill('  spaced');
  await page.keyboard.press('Enter');
  await page.locator('[data-row-count="1"]').waitFor();
  await page.getByRole('searchbox').fill(`jobs/${id}`);
  await page.getByRole('link', { name: `Open job jobs/${id}` }).click();
  await says(page.locator('.job-head'), 'named');
});

test('where nothing matches, nothing is offered to be done with it', async () => {
  const page = await it.open('/queue?queue=nobody-there');
  await says(page.locator('.empty'), '');
  const all = page.getByRole('button', { name: 'Act on all that match' });
  await all.waitFor({ state: 'detached' });
  it.board.insert({ kind: 'first', queue: 'nobody-there' });
  await all.waitFor();
});
