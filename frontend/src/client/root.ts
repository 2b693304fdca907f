/**
 * Where the board stands: at an address of its own, or in a folder of another that a proxy takes off. The server writes
 * into the page how far up that is; addresses of the server begin with it.
 */

/** Without a slash at the end: `https://board.example.com`, or `https://example.com/board`. */
export function rootOf(page: string, up: string): string {
  return new URL(up, page).href.replace(/\/$/, '');
}

/** The root of the board whose shared worker has this address: built, or as `npm run dev` serves it. */
export function rootOfWorker(script: string): string {
  return script.replace(/\/(?:assets|src\/client\/shared)\/[^/]*$/, '');
}

/** The root of this page. Read once: the address moves on, and how far up was said of the first. */
export const ROOT =
  typeof document === 'undefined'
    ? ''
    : rootOf(document.URL, import.meta.env.DEV ? '/' : (document.documentElement.dataset.root ?? '/'));

/** What stands before the paths of the board's pages: nothing, or `/board`. */
export const ROOT_PATH = ROOT === '' ? '' : new URL(ROOT).pathname.replace(/\/$/, '');
