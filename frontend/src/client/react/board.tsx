/** The board's one set of client objects, handed down to the pages. */

import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import { Access } from '../access';
import { Actions } from '../actions';
import { Api } from '../api';
import type { ConnectionPhase, ConnectionState } from '../facts';
import type { Batch, Feed } from '../feed';
import { Feeds, USUAL } from '../feeds';
import { Rest } from '../rest';
import { ROOT, ROOT_PATH } from '../root';
import { ServerTime } from '../serverTime';
import { FeedsContext } from './feedsContext';

export interface Board {
  readonly access: Access;
  readonly api: Api;
  readonly actions: Actions;
  readonly feeds: Feeds;
  readonly feed: Feed;
  readonly time: ServerTime;
}

export function makeBoard(): Board {
  const access = new Access(sessionStorage, localStorage, ROOT_PATH);
  const time = new ServerTime();
  const api = new Api(new Rest(ROOT, access, time));
  const feeds = new Feeds(access);
  return { access, api, actions: new Actions(api), feeds, feed: feeds.peek(USUAL), time };
}

const BoardContext = createContext<Board | null>(null);

/** Keeps the feed open as long as it is mounted, and wakes it when the page or the network comes back. */
export function BoardProvider({ board, children }: { board: Board; children: ReactNode }) {
  useEffect(() => {
    const { giveBack } = board.feeds.borrow(USUAL);
    return giveBack;
  }, [board]);
  useEffect(() => {
    const wake = () => {
      if (document.visibilityState === 'visible') board.feed.wake();
    };
    // A page that is frozen hears nothing: what it were told would wait for it without a bound.
    const leave = () => board.feed.stop();
    const resume = () => board.feed.start();
    const comeBack = (event: PageTransitionEvent) => {
      if (event.persisted) board.feed.start();
    };
    document.addEventListener('visibilitychange', wake);
    window.addEventListener('online', wake);
    document.addEventListener('freeze', leave);
    document.addEventListener('resume', resume);
    window.addEventListener('pagehide', leave);
    window.addEventListener('pageshow', comeBack);
    return () => {
      document.removeEventListener('visibilitychange', wake);
      window.removeEventListener('online', wake);
      document.removeEventListener('freeze', leave);
      document.removeEventListener('resume', resume);
      window.removeEventListener('pagehide', leave);
      window.removeEventListener('pageshow', comeBack);
    };
  }, [board]);
  return (
    <BoardContext value={board}>
      <FeedsContext value={board.feeds}>{children}</FeedsContext>
    </BoardContext>
  );
}

export function useBoard(): Board {
  const board = useContext(BoardContext);
  if (board === null) throw new Error('BoardProvider is missing above this component');
  return board;
}

/** How the connection is, which changes with all that comes. */
export function useConnection(): ConnectionState {
  const { feed } = useBoard();
  return useSyncExternalStore(
    (listener) => feed.onState(listener),
    () => feed.state(),
  );
}

/** Its phase alone: who needs no more of it is not drawn with everything that comes. */
export function usePhase(): ConnectionPhase {
  const { feed } = useBoard();
  return useSyncExternalStore(
    (listener) => feed.onState(listener),
    () => feed.state().phase,
  );
}

/** Calls `onBatch` with what each frame brought, always the newest one given. */
export function useBatches(onBatch: (batch: Batch) => void): void {
  const { feed } = useBoard();
  const [latest] = useState({ onBatch });
  useEffect(() => {
    latest.onBatch = onBatch;
  });
  useEffect(() => feed.onBatch((batch) => latest.onBatch(batch)), [feed, latest]);
}

/** Whether a person has to be asked for a token. */
export function useTokenWanted(): boolean {
  const { access } = useBoard();
  return useSyncExternalStore(
    (listener) => access.onChange(listener),
    () => access.wanted(),
  );
}

/** How often REST is asked: seldom beside a live socket, unless for what no feed tells; often without one. */
export function usePollInterval(withoutSocket = 5_000, besideSocket = 30_000): number {
  const phase = usePhase();
  return phase === 'live' || phase === 'catching_up' ? besideSocket : withoutSocket;
}
