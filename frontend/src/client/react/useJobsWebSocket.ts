import { useContext, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { Access } from '../access';
import { Feeds } from '../feeds';
import type { EventType, Job, JobEvent, Stats } from '../protocol';
import { ROOT_PATH } from '../root';
import { FeedsContext } from './feedsContext';

export interface JobsWebSocketOptions {
  readonly autoReconnect?: boolean;
  /** Milliseconds before the first attempt to come back; later ones take longer, all with jitter. */
  readonly reconnectInterval?: number;
  readonly onJobUpdate?: (job: Job, type: EventType) => void;
  readonly onStatsUpdate?: (stats: Stats) => void;
}

export type JobsMessage = JobEvent | { readonly type: 'stats_updated'; readonly stats: Stats };

export interface JobsWebSocket {
  readonly isConnected: boolean;
  readonly lastMessage: JobsMessage | null;
  readonly connectionError: string | null;
}

let usual: Feeds | undefined;

function usualFeeds(): Feeds {
  usual ??= new Feeds(new Access(sessionStorage, localStorage, ROOT_PATH));
  return usual;
}

/**
 * Follows the jobs of the server that served this page. Every event comes once and in order, also after a
 * reconnection; callbacks run at most once per animation frame for all that arrived. Components with the same
 * settings share one connection.
 */
export function useJobsWebSocket(options: JobsWebSocketOptions = {}): JobsWebSocket {
  const { autoReconnect = true, reconnectInterval = 3000, onJobUpdate, onStatsUpdate } = options;
  const given = useContext(FeedsContext);
  const feeds = given ?? usualFeeds();
  const settings = useMemo(() => ({ autoReconnect, reconnectInterval }), [autoReconnect, reconnectInterval]);
  const feed = feeds.peek(settings);
  const [callbacks] = useState<{ current: JobsWebSocketOptions }>({ current: {} });
  const [lastMessage, setLastMessage] = useState<JobsMessage | null>(null);

  useEffect(() => {
    callbacks.current = {
      ...(onJobUpdate && { onJobUpdate }),
      ...(onStatsUpdate && { onStatsUpdate }),
    };
  });

  useEffect(() => {
    const { giveBack } = feeds.borrow(settings);
    const stopListening = feed.onBatch(({ events, stats }) => {
      for (const event of events) callbacks.current.onJobUpdate?.(event.job, event.type);
      if (stats !== null) callbacks.current.onStatsUpdate?.(stats);
      const last = events.at(-1) ?? (stats === null ? null : ({ type: 'stats_updated', stats } as const));
      if (last !== null) setLastMessage(last);
    });
    return () => {
      stopListening();
      giveBack();
    };
  }, [feeds, feed, settings, callbacks]);

  const state = useSyncExternalStore(
    (listener) => feed.onState(listener),
    () => feed.state(),
  );
  const isConnected = state.phase === 'live' || state.phase === 'catching_up';
  return { isConnected, lastMessage, connectionError: state.error };
}
