// @vitest-environment happy-dom
import { act } from 'react';
import { expect, test } from 'vitest';
import { event, pass } from '../scripted';
import { usePollInterval } from './board';
import { drawInScriptedTime, drawOn, scriptedBoard } from './scriptedBoard';

drawInScriptedTime();

test('what asks seldom beside a live socket is drawn when that changes, and not with every event', async () => {
  const { world, board } = scriptedBoard();
  const intervals: number[] = [];
  function Watcher() {
    intervals.push(usePollInterval(5_000, 30_000));
    return null;
  }
  drawOn(board, <Watcher />);
  await act(async () => {
    world.socket.welcomes(5);
    await pass(50);
  });
  for (let position = 6; position < 20; position += 1) {
    await act(async () => {
      world.socket.says(event(position));
      await pass(50);
    });
  }
  expect(board.feed.state().cursor).toBe('1.19');
  expect(intervals).toEqual([5_000, 30_000]);
});
