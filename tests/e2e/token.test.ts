/** The dialog that asks for the token: closed and opened again, a wrong token, and how long one is kept. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Page } from 'playwright-core';
import { live, row, says, stage } from './harness.ts';

const TOKEN = 'correct-horse-battery';
const it = stage({ TAILBOARD_TOKEN: TOKEN });
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints(/401|WebSocket connection|ERR_CONNECTION/);
});

const field = (page: Page) => page.getByLabel('Token', { exact: true });
const give = async (page: Page, token: string) => {
  await field(page).fill(token);
  await page.getByRole('button', { name: 'Open the board' }).click();
};

for (const way of ['Escape', 'the cross'] as const) {
  test(`closed by ${way}, the dialog can be opened again, and the page says why it is empty`, async () => {
    const page = await it.open('/queue');
    await page.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Token');
    if (way === 'Escape') await page.keyboard.press('Escape');
    else await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await says(page.locator('.banner'), 'This board asks for a token');
    assert.doesNotMatch((await page.locator('main').textContent()) ?? '', /cannot be reached|comes back|Authorization/);
    await page.getByRole('button', { name: 'Give the token' }).click();
    await give(page, TOKEN);
    await live(page);
    await page.locator('.banner').waitFor({ state: 'detached' });
    await row(page, it.board.insert({ kind: 'let.in' })).waitFor();
  });
}

test('a token that the server refuses is called wrong', async () => {
  const page = await it.open('/queue');
  await field(page).waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
  await give(page, 'wrong');
  await says(page.getByRole('alert'), 'The server refused this token');
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Token');
  await give(page, TOKEN);
  await live(page);
});

test('a wrong token in one tab takes the right one from no other', async () => {
  const first = await it.open('/queue');
  await give(first, TOKEN);
  await live(first);
  const second = await first.context().newPage();
  it.listen(second);
  await second.goto(`${it.board.url}/queue`);
  await give(second, 'wrong');
  await says(second.getByRole('alert'), 'The server refused this token');
  await it.board.stop('SIGKILL');
  await first.locator('.pill:not([data-phase="live"])').waitFor();
  await it.board.start();
  await live(first);
  assert.equal(await first.getByRole('dialog').count(), 0);
});

test('another tab asks again, unless this machine was told to remember, until it is told to forget', async () => {
  const first = await it.open('/queue');
  const another = async () => {
    const page = await first.context().newPage();
    it.listen(page);
    await page.goto(`${it.board.url}/queue`);
    return page;
  };
  await give(first, TOKEN);
  await live(first);
  const second = await another();
  await field(second).waitFor();
  await second.getByLabel('Remember it on this machine').check();
  await give(second, TOKEN);
  await live(second);
  const third = await another();
  await third.locator('.jobs, .empty').first().waitFor();
  assert.equal(await third.getByRole('dialog').count(), 0);
  await third.keyboard.press('Control+k');
  await third.keyboard.type('forget');
  await third.keyboard.press('Enter');
  await third.getByRole('dialog').waitFor({ state: 'detached' });
  await field(await another()).waitFor();
});
