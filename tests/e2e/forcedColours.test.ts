/** Where the system chooses the colours, what is on, chosen or under way still looks so. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Locator } from 'playwright-core';
import { live, row, says, stage } from './harness.ts';

const it = stage();
afterEach(async () => {
  await it.closePages();
  it.assertNoComplaints();
});

const background = (element: Locator) => element.evaluate((it) => getComputedStyle(it).backgroundColor);

async function differ(one: Locator, other: Locator, what: string): Promise<void> {
  assert.notEqual(await background(one), await background(other), what);
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`in the system’s ${colorScheme} colours what is on is told from what is not`, async () => {
    const id = it.board.insert({ kind: 'half.way', status: 'in_progress', progress: '0.5' });
    const page = await it.open('/queue?status=in_progress', { forcedColors: 'active', colorScheme });
    await live(page);
    await row(page, id).waitFor();
    const status = page.getByRole('group', { name: 'Status' });
    await differ(
      status.getByRole('button', { name: 'In progress' }),
      status.getByRole('button', { name: 'Failed' }),
      'a pressed status looks like the others',
    );
    const pressed = status.getByRole('button', { name: 'In progress' });
    const colour = (it: Element) => getComputedStyle(it).color;
    assert.equal(await pressed.locator('.chip-count').evaluate(colour), await pressed.evaluate(colour), 'its count is not seen');
    await differ(page.getByRole('link', { name: 'Queue' }), page.getByRole('link', { name: 'Live' }), 'the current page does');
    const meter = row(page, id).locator('.meter');
    await differ(meter, meter.locator('> span'), 'progress is not seen');
    const arrow = await page.locator('select').first().evaluate((it) => getComputedStyle(it).backgroundImage);
    assert.match(arrow, /gradient/, 'a select has no arrow');
    await page.keyboard.press('Control+k');
    await says(page.locator('.palette-choice').first(), 'Home');
    await differ(page.locator('.palette-choice').first(), page.locator('.palette-choice').nth(1), 'the chosen line does');
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('b');
    const toggle = page.getByRole('button', { name: 'The past' });
    await page.locator('.timebar').waitFor();
    await differ(toggle, page.getByRole('button', { name: /theme/ }), 'the pressed toggle does');
    await page.keyboard.press('b');

    await page.goto(`${it.board.url}/`);
    const chart = page.locator('.chart').first();
    await chart.locator('canvas').waitFor();
    const swatch = chart.locator('.chart-dash').first();
    assert.match(await swatch.evaluate((it) => getComputedStyle(it).backgroundImage), /gradient/, 'a dashed swatch is not seen');
    // What is drawn has the text's colour, on the page's.
    const drawn = await chart.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
      const probe = document.body.appendChild(document.createElement('i'));
      probe.style.color = 'CanvasText';
      const wanted = (getComputedStyle(probe).color.match(/\d+/g) ?? []).slice(0, 3).join();
      probe.remove();
      const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
      const colours = new Set<string>();
      for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255) colours.add(data.slice(at, at + 3).join());
      return { wanted, found: colours.has(wanted) };
    });
    assert.ok(drawn.found, `nothing in the chart is drawn in ${drawn.wanted}`);
  });
}
