// @vitest-environment happy-dom
import { act, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { expect, test, vi } from 'vitest';
import { Access } from '../access';
import { Connection } from '../connection';
import { Feeds } from '../feeds';
import { event, NO_STATS, pass, ScriptedWorld } from '../scripted';
import { FeedsContext } from './feedsContext';
import { drawInScriptedTime } from './scriptedBoard';
import { type JobsWebSocket, type JobsWebSocketOptions, useJobsWebSocket } from './useJobsWebSocket';

drawInScriptedTime();

function mount(options: JobsWebSocketOptions, twice = false) {
  const world = new ScriptedWorld();
  const feeds = new Feeds(new Access(null), (settings) => new Connection(world, settings));
  const results: JobsWebSocket[] = [];
  function Watcher() {
    results.push(useJobsWebSocket(options));
    return null;
  }
  const root = createRoot(document.createElement('div'));
  act(() =>
    root.render(
      <StrictMode>
        <FeedsContext value={feeds}>
          <Watcher />
          {twice && <Watcher />}
        </FeedsContext>
      </StrictMode>,
    ),
  );
  return { world, root, last: () => results.at(-1) };
}

test('StrictMode mounts twice and connects once', async () => {
  const { world, last } = mount({});
  await act(() => pass(2_000));
  expect(world.sockets).toHaveLength(1);
  await act(async () => world.socket.welcomes(5));
  expect(last()).toMatchObject({ isConnected: true, connectionError: null });
});

test('every event is called back once, with its type', async () => {
  const onJobUpdate = vi.fn();
  const onStatsUpdate = vi.fn();
  const { world, last } = mount({ onJobUpdate, onStatsUpdate });
  await act(async () => {
    world.socket.welcomes(5);
    world.socket.says(event(6, { type: 'job_started' }), event(6, { type: 'job_started' }));
    world.socket.says({ type: 'stats_updated', stats: { ...NO_STATS, total: 1 }, cursor: '1.6' });
    await pass(50);
  });
  expect(onJobUpdate.mock.calls.map(([job, type]) => [job.id, type])).toEqual([[1, 'job_started']]);
  expect(onStatsUpdate).toHaveBeenCalledOnce();
  expect(last()?.lastMessage?.type).toBe('job_started');
});

test('two components with the same settings share a connection, closed after the last has gone', async () => {
  const { world, root } = mount({}, true);
  await act(async () => world.socket.welcomes(5));
  expect(world.sockets).toHaveLength(1);
  act(() => root.unmount());
  await pass(1_500);
  expect(world.socket.closedByClient).toBe(true);
});

test('a lost connection is told, and settings are kept', async () => {
  const { world, last } = mount({ autoReconnect: false });
  await act(async () => {
    world.socket.welcomes(5);
    world.socket.closes(1006);
    await pass(60_000);
  });
  expect(world.sockets).toHaveLength(1);
  expect(last()).toMatchObject({ isConnected: false, connectionError: 'The connection was lost (1006).' });
});
