import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { Api } from '@/client/api';
import { compareCursors } from '@/client/cursor';
import type { Job, JobEvent } from '@/client/protocol';
import { isGone, jobKey } from '@/client/protocol';
import { useBatches, useBoard, usePollInterval } from '@/client/react/board';
import { useMoment } from '@/client/react/moment';
import { isNews } from '@/client/reducer';
import { Problem } from '@/client/rest';
import { Steadily } from '@/client/steadily';

export interface JobName {
  readonly source: string;
  readonly id: string;
}

interface Loaded {
  readonly job: Job;
  /** The place to follow from; null where the job was only found in its history. */
  readonly cursor: string | null;
  readonly deleted: boolean;
}

/** One job with everything it has, kept up by the feed, as is its history; or as it stood at a moment. */
export function useJob(name: JobName) {
  const { api, feed } = useBoard();
  const queries = useQueryClient();
  const asOf = useMoment();
  const key = ['job', name.source, name.id, asOf];
  const newest = useRef<JobEvent | null>(null);
  const poll = usePollInterval();
  const interval = asOf === null ? poll : false;
  const answer = useQuery({
    queryKey: key,
    queryFn: async (): Promise<Loaded> => {
      if (asOf !== null) return { ...(await api.job(name, asOf)), deleted: false };
      const loaded = await load(api, name);
      if (loaded.deleted) return loaded;
      const event = newest.current;
      if (event === null || jobKey(event.job) !== `${name.source}/${name.id}`) return loaded;
      // Told meanwhile. After a restore the log goes on from an older version, and what was told before it counts no more.
      const later = loaded.cursor !== null && compareCursors(event.cursor, loaded.cursor) > 0;
      if (!later || !isNews(loaded.job.version, event)) return loaded;
      return { ...withEvent(loaded.job, event), cursor: loaded.cursor };
    },
    refetchInterval: interval,
    retry: false,
    ...(asOf !== null && { placeholderData: (before: Loaded | undefined) => before }),
  });
  const cursor = asOf === null ? answer.data?.cursor : undefined;
  useEffect(() => {
    if (cursor !== undefined && cursor !== null) feed.loadedAt(cursor);
  }, [feed, cursor]);
  const [asked] = useState(() => ({
    job: new Steadily(() => askAgain(queries, ['job', name.source, name.id, null])),
    history: new Steadily(() => askAgain(queries, ['history', name.source, name.id, null])),
  }));
  useBatches(({ events, reset }) => {
    if (asOf !== null) return;
    const wanted = `${name.source}/${name.id}`;
    let omitted = false;
    let changed = false;
    for (const event of events) {
      if (jobKey(event.job) !== wanted) continue;
      newest.current = event;
      changed = true;
      queries.setQueryData<Loaded>(key, (known) => {
        if (known === undefined || !isNews(known.job.version, event)) return known;
        omitted = (event.job.omitted?.length ?? 0) > 0;
        return { ...withEvent(known.job, event), cursor: known.cursor };
      });
    }
    // A job that could not be found may have been made meanwhile.
    const made = changed && queries.getQueryData(key) === undefined;
    if (reset !== null || omitted || made) asked.job.hear();
    if (reset !== null || changed) asked.history.hear();
  });
  return answer;
}

/** A question under way may be too old for the news, or be for another page, which somebody waits for: it is let end. */
async function askAgain(queries: QueryClient, queryKey: readonly unknown[]): Promise<void> {
  const underWay = queries.isFetching({ queryKey }) > 0;
  await queries.invalidateQueries({ queryKey }, { cancelRefetch: false });
  if (underWay) await queries.invalidateQueries({ queryKey }, { cancelRefetch: false });
}

/** The job as its source has it, or as its history last knew it: some queues delete the rows of jobs that have ended. */
async function load(api: Api, name: JobName): Promise<Loaded> {
  try {
    return { ...(await api.job(name)), deleted: false };
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) throw error;
    const { events } = await api.history(name, null, 1).catch(() => ({ events: [] }));
    const [last] = events;
    if (last === undefined || !(last.type === 'job_deleted' || last.change.deleted === true)) throw error;
    return { job: { ...last.job, source: name.source, version: last.version }, cursor: null, deleted: true };
  }
}

/** Large fields do not travel with events: what is known of them stays until they are loaded again. */
function withEvent(known: Job, event: JobEvent): { readonly job: Job; readonly deleted: boolean } {
  const deleted = isGone(event);
  const omitted = event.job.omitted ?? [];
  const job: Job = {
    ...known,
    ...event.job,
    payload: omitted.includes('payload') ? known.payload : event.job.payload,
    result: omitted.includes('result') ? known.result : event.job.result,
    phases: omitted.includes('phases') ? known.phases : event.job.phases,
    tags: omitted.includes('tags') ? known.tags : event.job.tags,
    version: event.version,
  };
  return { job, deleted };
}
