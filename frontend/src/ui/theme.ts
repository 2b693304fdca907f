import { useSyncExternalStore } from 'react';

export type Theme = 'light' | 'dark';

const KEY = 'tailboard.theme';
const listeners = new Set<() => void>();

function current(): Theme {
  return document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light';
}

function tell(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  for (const listener of listeners) listener();
}

/** Another tab has chosen. */
function hear({ key, newValue }: StorageEvent): void {
  if (key === KEY && (newValue === 'light' || newValue === 'dark')) tell(newValue);
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    if (listeners.size === 0) window.addEventListener('storage', hear);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) window.removeEventListener('storage', hear);
    };
  }, current);
}

/** Kept for the next visit. Until somebody chooses, the system's scheme holds. */
export function setTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  tell(theme);
}
