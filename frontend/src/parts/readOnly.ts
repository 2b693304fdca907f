import { useQuery } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { useBoard } from '@/client/react/board';
import { useMoment } from '@/client/react/moment';
import { sourcesQuery } from './sources';

const KEY = 'tailboard.readOnly';
const listeners = new Set<() => void>();

function current(): boolean {
  return localStorage.getItem(KEY) === 'yes';
}

/** Whether this browser was told to show only. */
function useReadOnlyChoice(): boolean {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, current);
}

/** Whether the server lets nobody act. */
export function useReadOnlyServer(): boolean {
  const { api } = useBoard();
  const { data } = useQuery(sourcesQuery(api));
  return data?.read_only === true;
}

/** Whether the board only shows: then no action is offered anywhere. The past cannot be acted on. */
export function useReadOnly(): boolean {
  const chosen = useReadOnlyChoice();
  const past = useMoment() !== null;
  return useReadOnlyServer() || chosen || past;
}

export function setReadOnly(readOnly: boolean): void {
  localStorage.setItem(KEY, readOnly ? 'yes' : 'no');
  for (const listener of listeners) listener();
}
