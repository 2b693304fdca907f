import { createContext, useContext, useSyncExternalStore } from 'react';

let clock = Date.now;
let now = clock();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) now = clock();
  timer ??= setInterval(() => {
    now = clock();
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Lets the page's time be told by another clock than the browser's. */
export function keepTimeBy(another: () => number): void {
  clock = another;
}

const Fixed = createContext<number | null>(null);

/** Within it the time stands still at its value, in milliseconds, for what shows a moment of the past. */
export const FixedNow = Fixed.Provider;

/** What `derive` makes of the time now, to the second; the component draws only when that changes. One timer for the page. */
export function useFromNow<T extends string | number>(derive: (now: number) => T): T {
  const fixed = useContext(Fixed);
  return useSyncExternalStore(subscribe, () => derive(fixed ?? now));
}
