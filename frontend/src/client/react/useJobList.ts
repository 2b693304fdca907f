import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { Sort } from '../api';
import type { JobFilter } from '../filter';
import { JobList, type ListView } from '../jobList';
import { useBatches, useBoard, usePhase, usePollInterval } from './board';
import { useMoment } from './moment';

/**
 * A live list of the jobs that match, or the list as it stood at a moment; a new one whenever filter, sort or moment
 * change in value.
 */
export function useJobList(
  filter: JobFilter,
  sort: Sort,
  options: { pageSize: number; pollWithoutSocket?: number },
): { list: JobList; view: ListView } {
  const { api, feed, time } = useBoard();
  const { pageSize, pollWithoutSocket = 5_000 } = options;
  const asOf = useMoment();
  const live = asOf === null;
  const key = JSON.stringify(filter);
  const list = useMemo(() => {
    const wanted = JSON.parse(key) as JobFilter;
    return new JobList({
      load: (after) => api.jobs(wanted, sort, after, pageSize, { asOf }),
      filter: wanted,
      sort,
      onLoaded: (cursor) => {
        if (asOf === null) feed.loadedAt(cursor);
      },
      // Of a moment of the past the server says what was due then.
      now: asOf === null ? time.now : () => Number.NEGATIVE_INFINITY,
    });
  }, [api, feed, time, key, sort, pageSize, asOf]);
  const view = useSyncExternalStore(list.subscribe, list.view);
  const interval = usePollInterval(pollWithoutSocket);
  const phase = usePhase();

  useEffect(() => {
    void list.refresh();
  }, [list]);
  // What was asked in vain is asked again as soon as the server is back.
  useEffect(() => {
    if (phase === 'live' && list.view().error !== null) void list.refresh();
  }, [list, phase]);
  useEffect(() => {
    if (!live) return;
    const timer = setInterval(() => void list.poll(), interval);
    return () => clearInterval(timer);
  }, [list, interval, live]);
  useEffect(() => {
    if (!live) return;
    const timer = setInterval(() => list.tick(), 1_000);
    return () => clearInterval(timer);
  }, [list, live]);
  useBatches((batch) => {
    if (live) list.apply(batch);
  });
  return { list, view };
}
