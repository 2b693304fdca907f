/** A board in a folder of another address, behind a proxy that takes the folder off. */

import assert from 'node:assert/strict';
import { afterEach, test, type TestContext } from 'node:test';
import { Folder } from './folder.ts';
import { live, row, says, stage } from './harness.ts';

const TOKEN = 'correct-horse-battery';
const it = stage({ TAILBOARD_TOKEN: TOKEN });
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints(/401|WebSocket connection/);
});

/** A page at the board in its folder, with the token given. */
async function open(context: TestContext) {
  const folder = await Folder.of(it.board.port, '/tools/board');
  context.after(() => folder.close());
  const page = await it.prepare();
  const strays: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(`${folder.url}/`)) strays.push(request.url());
  });
  await page.goto(`${folder.url}/`);
  await page.getByLabel('Token', { exact: true }).fill(TOKEN);
  await page.getByRole('button', { name: 'Open the board' }).click();
  await live(page);
  return { folder, page, strays };
}

test('every page, reload, link and jump stays within the folder, and the board is live', async (context) => {
  const { folder, page, strays } = await open(context);
  await page.getByRole('link', { name: 'Queue', exact: true }).first().click();
  assert.equal(page.url(), `${folder.url}/queue`);
  const id = it.board.insert({ kind: 'in.folder' });
  await row(page, id).getByRole('link').first().click();
  await page.waitForURL(`${folder.url}/jobs/jobs/${id}`);
  await page.reload();
  await live(page);
  await says(page.locator('main'), 'in.folder');
  it.board.sql(`UPDATE tailboard.jobs SET status = 'failed', error = 'it broke' WHERE id = ${id}`);
  await says(page.locator('main'), 'it broke');
  await page.goto(`${folder.url}/live`);
  await live(page);
  await page.keyboard.press('g');
  await page.keyboard.press('w');
  await page.waitForURL(`${folder.url}/workers`);
  await page.goto(`${folder.url}/queue?as_of=1.1`);
  await row(page, id).waitFor();
  await page.goto(`${folder.url}/nowhere/at/all`);
  await page.getByRole('link', { name: 'Go to Home' }).click();
  await page.waitForURL(`${folder.url}/`);
  await live(page);
  assert.deepEqual(strays, []);
});

test('a token is kept for the board that it was given to, not for others at the same address', async (context) => {
  const { page } = await open(context);
  const kept = await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.includes('token')));
  assert.deepEqual(kept, ['tailboard.token/tools/board']);
});
