// Before the first paint, so that a dark board does not flash white.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem('tailboard.theme');
  } catch {
    // Storage is blocked: the system's scheme it is.
  }
  if (theme !== 'light' && theme !== 'dark') {
    theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  }
  document.documentElement.dataset.theme = theme;
})();
