import { useSyncExternalStore } from 'react';

const KEY = 'tailboard.readOnly';
const listeners = new Set<() => void>();

function current(): boolean {
  return localStorage.getItem(KEY) === 'yes';
}

/** Whether the board only shows: then no action is offered anywhere. */
export function useReadOnly(): boolean {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, current);
}

export function setReadOnly(readOnly: boolean): void {
  localStorage.setItem(KEY, readOnly ? 'yes' : 'no');
  for (const listener of listeners) listener();
}
