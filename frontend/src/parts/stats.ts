import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { StatsAnswer } from '@/client/api';
import { useBatches, useBoard, usePollInterval } from '@/client/react/board';
import { useMoment, useThen } from '@/client/react/moment';

const KEY = ['stats', null];

/**
 * The counts by status, kept up by the feed; by queue they are as old as the last question. In the past they are
 * those of the moment.
 */
export function useStats(pollWithoutSocket?: number) {
  const { api, feed } = useBoard();
  const queries = useQueryClient();
  const asOf = useMoment();
  const then = useThen(asOf);
  const answer = useQuery({
    queryKey: KEY,
    queryFn: () => api.stats(),
    enabled: asOf === null,
    refetchInterval: usePollInterval(pollWithoutSocket),
  });
  const cursor = answer.data?.cursor;
  useEffect(() => {
    if (cursor !== undefined) feed.loadedAt(cursor);
  }, [feed, cursor]);
  useBatches(({ stats, reset }) => {
    if (stats !== null) {
      queries.setQueryData<StatsAnswer>(KEY, (known) => (known === undefined ? known : { ...known, stats }));
    }
    if (reset !== null) void queries.invalidateQueries({ queryKey: KEY });
  });
  return asOf === null ? answer : then;
}
