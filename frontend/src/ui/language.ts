/**
 * Imported before uPlot, which formats numbers in `navigator.language` as it loads: in the C locale, Chromium's
 * language is `en-US@posix`, which is no language tag, and the page would die of it.
 */
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en', configurable: true });
}
