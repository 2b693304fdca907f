// @vitest-environment happy-dom
import { act } from 'react';
import { expect, test, vi } from 'vitest';
import type { Api } from '@/client/api';
import { EVERYTHING } from '@/client/filter';
import { drawInScriptedTime, drawOn, scriptedBoard } from '@/client/react/scriptedBoard';
import { NO_STATS, pass } from '@/client/scripted';
import { countedBy, useStats } from './stats';

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
    answer({ stats: { ...NO_STATS, total: 3 }, cursor, by_source: [], by_queue: [], queues: 0 });
    await pass(50);
  });
  expect(shown).toBe(total);
});

test.each([
  ['everything', {}, 9],
  ['its own statuses aside', { status: ['failed' as const] }, 9],
  ['one source', { source: ['orders'] }, 6],
  ['a queue of every source', { queue: ['mail'] }, 3],
  ['one of several queues of a source', { source: ['orders'], queue: ['mail', 'media'] }, 2],
  ['nothing', { source: ['orders'], queue: ['media'] }, 0],
  ['what is not counted', { source: ['orders'], kind: ['mail.send'] }, undefined],
  ['what is searched for', { q: 'x' }, undefined],
])('jobs are counted for a filter that reaches %s', (_, part, pending) => {
  const counts = (source: string, queue: string, pending: number) => ({
    source,
    queue,
    stats: { ...NO_STATS, pending, total: pending },
  });
  const answer = {
    stats: { ...NO_STATS, pending: 9, total: 9 },
    by_source: [counts('jobs', '', 3), counts('orders', '', 6)],
    by_queue: [counts('jobs', 'mail', 1), counts('orders', 'mail', 2), counts('orders', 'default', 4)],
    queues: 3,
    cursor: '1.1',
  };
  expect(countedBy({ ...EVERYTHING, ...part }, answer)?.('pending')).toBe(pending);
});
