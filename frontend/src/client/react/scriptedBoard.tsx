/** A board for tests, whose server is played by the test; see `scripted.ts`. */

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, beforeEach, vi } from 'vitest';
import { Access } from '../access';
import { Actions } from '../actions';
import { Api } from '../api';
import { Connection } from '../connection';
import { Feeds, USUAL } from '../feeds';
import { Rest } from '../rest';
import { ScriptedWorld } from '../scripted';
import { ServerTime } from '../serverTime';
import { type Board, BoardProvider } from './board';

export function scriptedBoard(): { readonly world: ScriptedWorld; readonly board: Board } {
  const world = new ScriptedWorld();
  const access = new Access(null);
  const time = new ServerTime();
  const api = new Api(new Rest('', access, time));
  const feeds = new Feeds(access, (settings) => new Connection(world, settings));
  return { world, board: { access, api, actions: new Actions(api), feeds, feed: feeds.peek(USUAL), time } };
}

/** For the tests of a file: time stands still but for `pass`, and React draws within `act`. */
export function drawInScriptedTime(): void {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
}

/** Draws on a board what a page would. */
export function drawOn(board: Board, page: ReactNode): void {
  const root = createRoot(document.createElement('div'));
  act(() =>
    root.render(
      <QueryClientProvider client={new QueryClient()}>
        <BoardProvider board={board}>{page}</BoardProvider>
      </QueryClientProvider>,
    ),
  );
}
