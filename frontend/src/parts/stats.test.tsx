// @vitest-environment happy-dom
import { act } from 'react';
import { expect, test, vi } from 'vitest';
import type { Api } from '@/client/api';
import { drawInScriptedTime, drawOn, scriptedBoard } from '@/client/react/scriptedBoard';
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
  drawOn(board, <Watcher />);
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
