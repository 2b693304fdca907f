// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { expect, test, vi } from 'vitest';
import type { Api } from '@/client/api';
import { BoardProvider } from '@/client/react/board';
import { drawInScriptedTime, scriptedBoard } from '@/client/react/scriptedBoard';
import { NO_STATS, pass } from '@/client/scripted';
import { useStats } from './stats';

drawInScriptedTime();

test.each([
  ['overtaken by the feed changes nothing', '1.7', 9],
  ['newer than the feed is shown', '1.10', 3],
])('an answer that is %s', async (_, cursor, total) => {
  const { world, board } = scriptedBoard();
  let answer: (stats: Awaited<ReturnType<Api['stats']>>) => void = () => expect.unreachable('was not asked');
  vi.spyOn(board.api, 'stats').mockReturnValue(new Promise((resolve) => (answer = resolve)));
  let shown: number | undefined;
  function Watcher() {
    shown = useStats(60_000).data?.stats.total;
    return null;
  }
  const root = createRoot(document.createElement('div'));
  act(() =>
    root.render(
      <QueryClientProvider client={new QueryClient()}>
        <BoardProvider board={board}>
          <Watcher />
        </BoardProvider>
      </QueryClientProvider>,
    ),
  );
  await act(async () => {
    world.socket.welcomes(5);
    world.socket.says({ type: 'stats_updated', stats: { ...NO_STATS, total: 9 }, cursor: '1.9' });
    await pass(50);
  });
  await act(async () => {
    answer({ stats: { ...NO_STATS, total: 3 }, cursor, by_queue: [] });
    await pass(50);
  });
  expect(shown).toBe(total);
});
