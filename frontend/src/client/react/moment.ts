/** Where the board stands in time: at a moment of the past that the address names, or at now. */

import { useQuery } from '@tanstack/react-query';
import { useSearch } from 'wouter';
import { navigate, useHistoryState } from 'wouter/use-browser-location';
import type { StatsAnswer } from '../api';
import { momentOf, movedTo } from '../moment';
import { useBoard } from './board';

/** The moment that the whole board shows; null while it is live. */
export function useMoment(): string | null {
  return momentOf(useSearch());
}

/** Moves the whole board to a moment, or back to now. A step within the past takes the place of the one before. */
export function moveTo(asOf: string | null): void {
  const replace = asOf !== null && momentOf(location.search) !== null;
  navigate(movedTo(location.pathname + location.search, asOf), { replace });
}

/** Whether somebody has just gone into the past, and not opened a link into it: then the slider is what they want. */
export function useJustLooked(): boolean {
  return useHistoryState<{ looked?: boolean } | null>()?.looked === true;
}

/** Moves the board from now into the past: to the end of what it has shown, from where it can be moved on. */
export function useLookBack(): () => void {
  const { api, feed } = useBoard();
  return () => {
    const { cursor } = feed.state();
    const look = (asOf: string) =>
      navigate(movedTo(location.pathname + location.search, asOf), { state: { looked: true } });
    if (cursor !== null) look(cursor);
    else
      api.span().then(
        ({ last }) => look(last.cursor),
        () => undefined, // whoever cannot reach the server is told so already
      );
  };
}

/** The counts at a moment, which also say what place in the log and what time it is. What is past does not change. */
export function useThen(asOf: string | null, named: readonly string[] = []) {
  const { api } = useBoard();
  return useQuery<StatsAnswer>({
    queryKey: ['stats', asOf, ...named],
    queryFn: () => api.stats(asOf, named),
    enabled: asOf !== null,
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: (before) => before,
  });
}

/** From where to where the board can be moved. */
export function useSpan(enabled: boolean) {
  const { api } = useBoard();
  return useQuery({
    queryKey: ['span'],
    queryFn: () => api.span(),
    enabled,
    refetchInterval: enabled ? 30_000 : false,
  });
}
