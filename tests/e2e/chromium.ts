/** A real Chromium: the one that `TAILBOARD_CHROMIUM` names, or the one that an npm package carries. */

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const LIBRARY_FOLDERS = ['/lib', '/usr/lib', '/lib64', '/usr/lib64', '/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu'];

export async function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.TAILBOARD_CHROMIUM ?? (await carried()),
    headless: true,
    // Containers have no user namespaces to build a sandbox from, and a small /dev/shm.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--force-color-profile=srgb'],
    // Chromium makes a language of LANG, and of "C" one that no page can use.
    env: { ...definedEnvironment(), LANG: 'en_US.UTF-8', LC_ALL: 'en_US.UTF-8' },
  });
}

async function carried(): Promise<string> {
  if (!LIBRARY_FOLDERS.some((folder) => existsSync(`${folder}/libnss3.so`))) {
    // The package brings the libraries that a bare system lacks, but unpacks them only where it believes itself in
    // the cloud; it looks when it is imported.
    process.env.AWS_EXECUTION_ENV ??= 'AWS_Lambda_nodejs24.x';
  }
  const { default: sparticuz } = await import('@sparticuz/chromium');
  return sparticuz.executablePath();
}

function definedEnvironment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined));
}
