/**
 * Takes the picture that the README opens with: a queue that demo workers keep busy, what started last
 * first.
 *
 *     node frontend/scripts/screenshot.ts [seconds]
 */

import { join } from 'node:path';
import { Board } from '../../tests/e2e/board.ts';
import { launch } from '../../tests/e2e/chromium.ts';

const SECONDS = Number(process.argv[2] ?? 75);

const board = await Board.up({}, ['--demo']);
const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 760 }, locale: 'en-GB' });
  await page.goto(`${board.url}/queue?sort=started`);
  await page.locator('.pill[data-phase="live"]').waitFor();
  await page.waitForTimeout(SECONDS * 1000);
  const path = join(import.meta.dirname, '..', 'screenshot.png');
  await page.screenshot({ path });
  console.log(path);
} finally {
  await browser.close();
  await board.remove();
}
