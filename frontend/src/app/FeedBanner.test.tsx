// @vitest-environment happy-dom
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { expect, test } from 'vitest';
import type { PollResult } from '@/client/facts';
import { BoardProvider } from '@/client/react/board';
import { drawInScriptedTime, scriptedBoard } from '@/client/react/scriptedBoard';
import { NO_STATS, pass } from '@/client/scripted';
import { FeedBanner } from './FeedBanner';

drawInScriptedTime();

async function banner() {
  const { world, board } = scriptedBoard();
  const place = document.createElement('div');
  const root = createRoot(place);
  act(() =>
    root.render(
      <BoardProvider board={board}>
        <FeedBanner />
      </BoardProvider>,
    ),
  );
  await act(async () => world.socket.welcomes(5));
  return { world, place, said: () => place.textContent };
}

const nothingNew = (cursor: string | null): PollResult => ({
  outcome: 'page',
  events: [],
  cursor: cursor ?? '1.5',
  more: false,
  stats: NO_STATS,
});

test('a feed that lags behind the database is told, with how far, and only then', async () => {
  const { world, said } = await banner();
  const beats = (lagMs: number) =>
    act(async () => world.socket.says({ type: 'heartbeat', cursor: '1.5', lag_ms: lagMs }));
  expect(said()).toBe('');
  await beats(40);
  expect(said()).toBe('');
  await beats(7_200);
  expect(said()).toContain('The feed is 7 s behind the database.');
  await beats(12);
  expect(said()).toBe('');
});

test('where the database does not answer, that is told, and how old the page is', async () => {
  const { world, said } = await banner();
  await act(async () => world.socket.says({ type: 'heartbeat', cursor: '1.5', lag_ms: 7_200, away: true }));
  expect(said()).toContain('The database does not answer the server. What you see is 7 s old.');
  await act(async () => world.socket.says({ type: 'heartbeat', cursor: '1.5', lag_ms: 3_100 }));
  expect(said()).toContain('The feed is 3 s behind the database.');
});

test('a server that answers with what is wrong is not one that cannot be reached, however often its socket closes', async () => {
  const { world, said } = await banner();
  world.answer = () => ({ outcome: 'failed', message: 'PostgreSQL is not available: no route' });
  const told = 'PostgreSQL is not available: no route. What was loaded before is';
  await act(async () => {
    world.socket.closes(4013);
    await pass(4_000);
  });
  expect(said()).toContain(told);
  await act(async () => world.socket.closes(4013));
  expect(said()).toContain(told);
});

test('where questions are answered and no socket comes up, a proxy may be why', async () => {
  const { world, said } = await banner();
  world.answer = nothingNew;
  const proxy = 'A proxy in between may not let WebSockets through.';
  await act(async () => {
    world.socket.closes(1006);
    await pass(4_000);
  });
  expect(said()).toContain('The live connection is down.');
  expect(said()).not.toContain(proxy);
  for (let attempt = 0; attempt < 3; attempt++) {
    await act(async () => {
      world.socket.closes(1006);
      await pass(30_000);
    });
  }
  expect(said()).toContain(proxy);
  await act(async () => world.socket.welcomes(5));
  expect(said()).toBe('');
});

test('a short break is nobody’s business, a longer one is told', async () => {
  const { world, said } = await banner();
  await act(async () => {
    world.socket.closes(1006);
    await pass(1_000);
  });
  expect(said()).toBe('');
  await act(() => pass(2_000));
  expect(said()).not.toBe('');
});

test('how old it is counts on without being said again and again', async () => {
  const { world, place } = await banner();
  world.answer = nothingNew;
  await act(async () => {
    world.socket.closes(1006);
    await pass(4_000);
  });
  const region = place.querySelector('[role="status"]');
  const spoken = () => {
    const copy = region?.cloneNode(true) as Element;
    for (const quiet of copy.querySelectorAll('[aria-live="off"]')) quiet.remove();
    return copy.textContent;
  };
  const [before, age] = [spoken(), region?.textContent];
  await act(() => pass(2_000));
  expect(region?.textContent).not.toBe(age);
  expect(spoken()).toBe(before);
});
