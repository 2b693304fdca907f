import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { Sort } from '../api';
import type { JobFilter } from '../filter';
import { JobList, type ListView } from '../jobList';
import { useBatches, useBoard, usePollInterval } from './board';

/** A live list of the jobs that match; a new one whenever filter or sort change in value. */
export function useJobList(
  filter: JobFilter,
  sort: Sort,
  options: { pageSize: number; pollWithoutSocket?: number },
): { list: JobList; view: ListView } {
  const { api, feed } = useBoard();
  const { pageSize, pollWithoutSocket = 5_000 } = options;
  const key = JSON.stringify(filter);
  const list = useMemo(() => {
    const wanted = JSON.parse(key) as JobFilter;
    return new JobList({
      load: (after) => api.jobs(wanted, sort, after, pageSize),
      filter: wanted,
      sort,
      onLoaded: (cursor) => feed.loadedAt(cursor),
    });
  }, [api, feed, key, sort, pageSize]);
  const view = useSyncExternalStore(list.subscribe, list.view);
  const interval = usePollInterval(pollWithoutSocket);

  useEffect(() => {
    void list.refresh();
  }, [list]);
  useEffect(() => {
    const timer = setInterval(() => void list.poll(), interval);
    return () => clearInterval(timer);
  }, [list, interval]);
  useEffect(() => {
    const timer = setInterval(() => list.tick(), 1_000);
    return () => clearInterval(timer);
  }, [list]);
  useBatches((batch) => list.apply(batch));
  return { list, view };
}
