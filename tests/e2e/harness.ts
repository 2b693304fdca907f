/** What the end-to-end tests stand on: a board, a browser, and pages that must not complain. */

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { Board } from './board.ts';
import { launch } from './chromium.ts';

export const PATIENCE_MS = 15_000;

export class Stage {
  board!: Board;
  browser!: Browser;
  readonly #contexts: BrowserContext[] = [];
  /** What pages wrote to the console as errors; a violated Content-Security-Policy is one. */
  readonly complaints: string[] = [];

  /** A new browser profile, with one page on `path`. */
  async open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.prepare(options);
    await page.goto(this.board.url + path);
    return page;
  }

  /** A new browser profile with one page that has gone nowhere yet. */
  async prepare(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    this.#contexts.push(context);
    const page = await context.newPage();
    this.listen(page);
    return page;
  }

  listen(page: Page): void {
    page.on('pageerror', (error) => this.complaints.push(`${page.url()}: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(`${page.url()}: ${message.text()}`);
    });
  }

  async closePages(): Promise<void> {
    for (const context of this.#contexts.splice(0)) await context.close();
  }

  /** Fails when a page complained, about anything but what `expected` describes. */
  assertNoComplaints(expected: RegExp = /^$/): void {
    assert.deepEqual(
      this.complaints.splice(0).filter((complaint) => !expected.test(complaint)),
      [],
    );
  }
}

/** One board and one browser for a file of tests; `furnish` puts there what all of them need. */
export function stage(
  settings: Readonly<Record<string, string>> = {},
  furnish: (board: Board) => void = () => undefined,
): Stage {
  const it = new Stage();
  before(async () => {
    // Each is kept as soon as it is there, so that what has started is ended even where the other fails.
    const starting = await Promise.allSettled([
      Board.up(settings).then((board) => Object.assign(it, { board })),
      launch().then((browser) => Object.assign(it, { browser })),
    ]);
    for (const one of starting) if (one.status === 'rejected') throw one.reason;
    furnish(it.board);
  });
  after(async () => {
    await it.browser?.close();
    await it.board?.remove();
  });
  return it;
}

export async function live(page: Page): Promise<void> {
  await page.locator('.pill[data-phase="live"]').waitFor();
}

/** Waits until an element says `text`, as a person would. */
export async function says(element: Locator, text: string | RegExp): Promise<void> {
  await element.filter({ hasText: text }).first().waitFor();
}

/** Waits until the database answers `value`: a page shows at once what somebody does, before it is done. */
export async function answers(board: Board, query: string, value: string): Promise<void> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    const answer = board.sql(query);
    if (answer === value) return;
    assert.ok(!patience.aborted, `${query} answers ${answer}, not ${value}`);
    await setTimeout(50);
  }
}

export function row(page: Page, id: number | string, source = 'jobs'): Locator {
  return page.locator(`[data-job="${source}/${id}"]`);
}
