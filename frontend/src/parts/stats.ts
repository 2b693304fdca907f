import { skipToken, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { StatsAnswer } from '@/client/api';
import type { JobFilter } from '@/client/filter';
import type { Stats, Status } from '@/client/protocol';
import { useBatches, useBoard } from '@/client/react/board';
import { useMoment, useThen } from '@/client/react/moment';

const KEY = ['stats', null];

/** What the feed keeps up has a place of its own: written into the answer it would put off the next question for ever. */
const NEWEST = ['newest stats'];

/**
 * The counts by status, kept up by the feed; by queue they are as old as the last question, which is asked every
 * `pollMs`, and those of the largest queues and the `named` ones. In the past they are those of the moment. Until what
 * was last asked for is answered, `isPlaceholderData` says that the `named` queues may be missing.
 */
export function useStats(pollMs: number, named: readonly string[] = []) {
  const { api, feed } = useBoard();
  const queries = useQueryClient();
  const asOf = useMoment();
  const then = useThen(asOf, named);
  const answer = useQuery({
    queryKey: [...KEY, ...named],
    queryFn: async () => {
      const answer = await api.stats(null, named);
      // The feed may have overtaken the answer on its way.
      if (!feed.hasStatsAfter(answer.cursor)) queries.setQueryData<Stats>(NEWEST, answer.stats);
      return answer;
    },
    enabled: asOf === null,
    refetchInterval: pollMs,
    placeholderData: (before) => before,
  });
  const { data: newest } = useQuery<Stats>({ queryKey: NEWEST, queryFn: skipToken });
  const cursor = answer.data?.cursor;
  useEffect(() => {
    if (cursor !== undefined) feed.loadedAt(cursor);
  }, [feed, cursor]);
  useBatches(({ stats, reset }) => {
    if (stats !== null) queries.setQueryData<Stats>(NEWEST, stats);
    if (reset !== null) void queries.invalidateQueries({ queryKey: KEY });
  });
  if (asOf !== null) return then;
  const { data, error, refetch, isPlaceholderData } = answer;
  return { data: data && { ...data, stats: newest ?? data.stats }, error, refetch, isPlaceholderData };
}

/**
 * How many jobs of each status a filter reaches, its own statuses aside; null where it asks for more than source and
 * queue, by which jobs are counted.
 */
export function countedBy(
  { source, queue, kind, worker, tags, q }: JobFilter,
  { stats, by_source, by_queue }: StatsAnswer,
): ((status: Status) => number) | null {
  if (kind.length + worker.length + tags.length > 0 || q !== '') return null;
  if (source.length + queue.length === 0) return (status) => stats[status];
  const reached = (
    queue.length === 0 ? by_source : by_queue.filter((one) => queue.includes(one.queue))
  ).filter((one) => source.length === 0 || source.includes(one.source));
  return (status) => reached.reduce((sum, one) => sum + one.stats[status], 0);
}
