/** A real Chromium: the one that `TAILBOARD_CHROMIUM` names, or the one that an npm package carries. */

import sparticuz from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

export async function launch(): Promise<Browser> {
  const named = process.env.TAILBOARD_CHROMIUM;
  const executablePath = named ?? (await sparticuz.executablePath());
  return chromium.launch({
    executablePath,
    headless: true,
    // Containers have no user namespaces to build a sandbox from, and a small /dev/shm.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--force-color-profile=srgb'],
  });
}
