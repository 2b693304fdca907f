import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Batch, drawSoon, Feed } from './feed';
import { event, NO_STATS, observe } from './scripted';
import { SharedLink, type TabPort } from './shared/link';
import type { FromWorker } from './shared/messages';
import { type Port, Switchboard } from './shared/switchboard';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A page whose frames are drawn when the test says so. */
function page(link: ConstructorParameters<typeof Feed>[0]) {
  const due: (() => void)[] = [];
  const feed = new Feed(link, (callback) => due.push(callback));
  const batches: Batch[] = [];
  feed.onBatch((batch) => batches.push(batch));
  return {
    feed,
    batches,
    draw: () => {
      for (const callback of due.splice(0)) callback();
    },
    cursors: () => batches.flatMap(({ events }) => events.map(({ cursor }) => cursor)),
  };
}

test('a thousand events between two frames are one batch', () => {
  const { world, connection } = observe();
  const { feed, batches, draw } = page(connection);
  feed.start();
  world.socket.welcomes(0);
  for (let position = 1; position <= 1000; position += 1) world.socket.says(event(position));
  draw();
  expect(batches).toHaveLength(1);
  expect(batches[0]?.events).toHaveLength(1000);
});

test('a page is drawn at once after single events, and rests after many', () => {
  const { world, connection } = observe();
  const { feed, draw, cursors } = page(connection);
  feed.start();
  world.socket.welcomes(0);
  let position = 0;
  const told = (events: number) => {
    for (let each = 0; each < events; each += 1) world.socket.says(event(++position));
    draw();
  };
  /** How many drawings bring news, of one each frame for a second. */
  const drawings = (events: number) => {
    let count = 0;
    for (let frame = 0; frame < 60; frame += 1) {
      const before = cursors().length;
      told(events);
      vi.advanceTimersByTime(1000 / 60);
      if (cursors().length > before) count += 1;
    }
    return count;
  };
  expect(drawings(1)).toBe(60);
  expect(drawings(10)).toBeLessThanOrEqual(11);
  vi.advanceTimersByTime(100);
  draw();
  expect(cursors()).toHaveLength(position);
});

test('a page that is never drawn keeps the newest event of each job and no more', () => {
  const { world, connection } = observe();
  const { feed, batches, draw } = page(connection);
  feed.start();
  world.socket.welcomes(0);
  for (let position = 1; position <= 20_000; position += 1) world.socket.says(event(position));
  draw();
  expect(batches[0]?.events.length).toBeLessThanOrEqual(5_001);
  expect(batches[0]?.events.at(-1)?.cursor).toBe('1.20000');
});

test('a page that is never drawn while very many jobs change is told to load them again', () => {
  const { world, connection } = observe();
  const { feed, batches, draw } = page(connection);
  feed.start();
  world.socket.welcomes(0);
  const changed = (position: number) => world.socket.says(event(position, {}, { id: position }));
  for (let position = 1; position <= 50_000; position += 1) changed(position);
  draw();
  expect(batches[0]?.reset).toBe('lagged');
  expect(batches[0]?.events.length).toBeLessThanOrEqual(25_000);
  expect(batches[0]?.events.at(-1)?.cursor).toBe('1.50000');
  changed(50_001);
  vi.advanceTimersByTime(100);
  draw();
  expect(batches[1]).toMatchObject({ reset: null, events: [{ cursor: '1.50001' }] });
});

test('stats that are older than the known ones are dropped', () => {
  const { world, connection } = observe();
  const { feed, batches, draw } = page(connection);
  feed.start();
  world.socket.welcomes(0);
  world.socket.says({ type: 'stats_updated', stats: { ...NO_STATS, total: 9 }, cursor: '1.9' });
  world.socket.says({ type: 'stats_updated', stats: { ...NO_STATS, total: 3 }, cursor: '1.3' });
  draw();
  expect(batches[0]?.stats?.total).toBe(9);
});

test('what time alone counts anew is told at the cursor of the counts before', () => {
  const { world, connection } = observe();
  const { feed, batches, draw } = page(connection);
  feed.start();
  world.socket.welcomes(0);
  for (const pending of [1, 2]) {
    world.socket.says({ type: 'stats_updated', stats: { ...NO_STATS, pending }, cursor: '1.9' });
    draw();
  }
  expect(batches.map(({ stats }) => stats?.pending)).toEqual([1, 2]);
  expect([feed.hasStatsAfter('1.8'), feed.hasStatsAfter('1.9')]).toEqual([true, false]);
});

test('a page that draws no frames is told all the same, after a second and once', () => {
  const frames: FrameRequestCallback[] = [];
  vi.stubGlobal('requestAnimationFrame', (frame: FrameRequestCallback) => frames.push(frame));
  const told = vi.fn();
  drawSoon(told);
  vi.advanceTimersByTime(1_000);
  expect(told).toHaveBeenCalledTimes(1);
  for (const frame of frames) frame(0);
  expect(told).toHaveBeenCalledTimes(1);
});

test('a reset empties what was waiting to be drawn', () => {
  const { world, connection } = observe();
  const { feed, batches, draw } = page(connection);
  feed.start();
  world.socket.welcomes(0);
  world.socket.says(event(1), { type: 'reset', reason: 'lagged', cursor: '1.8' }, event(9));
  draw();
  expect(batches).toEqual([{ events: [event(9)], reset: 'lagged', stats: null }]);
});

/** Two tabs and the worker between them, joined by ports that deliver at once. */
function tab(switchboard: Switchboard) {
  const port: TabPort & Port = {
    onmessage: null,
    postMessage: (message) => {
      if ('say' in message && (message.say === 'state' || message.say === 'delivery')) {
        port.onmessage?.({ data: message } as MessageEvent<FromWorker>);
      } else switchboard.hear(port, message);
    },
  } as TabPort & Port;
  return page(new SharedLink(port));
}

test('tabs share one socket, and each gets every event once', () => {
  const { world, connection } = observe();
  const switchboard = new Switchboard(connection);
  const first = tab(switchboard);
  first.feed.start();
  world.socket.welcomes(5);
  world.socket.says(event(6));
  const second = tab(switchboard);
  second.feed.start();
  // The second tab's page was loaded before event 6, which it has not had.
  second.feed.loadedAt('1.5');
  world.socket.answers(6, [event(6)]);
  world.socket.says(event(7));
  first.draw();
  second.draw();
  expect(world.sockets).toHaveLength(1);
  expect(first.cursors()).toEqual(['1.6', '1.7']);
  expect(second.cursors()).toEqual(['1.6', '1.7']);
});

test('a page that leaves the shared connection and comes back is told what it missed, once', () => {
  const { world, connection } = observe();
  const switchboard = new Switchboard(connection);
  const [stays, leaves] = [tab(switchboard), tab(switchboard)];
  stays.feed.start();
  leaves.feed.start();
  world.socket.welcomes(5);
  const missed = [event(7), event(8)];
  world.socket.says(event(6));
  leaves.feed.stop();
  world.socket.says(...missed);
  leaves.feed.start();
  world.socket.answers(8, missed);
  world.socket.says(event(9));
  for (const { draw, cursors } of [stays, leaves]) {
    draw();
    expect(cursors()).toEqual(['1.6', '1.7', '1.8', '1.9']);
  }
});

test('the socket closes when the last tab has left', () => {
  const { world, connection } = observe();
  const switchboard = new Switchboard(connection);
  const first = tab(switchboard);
  const second = tab(switchboard);
  first.feed.start();
  second.feed.start();
  world.socket.welcomes(5);
  first.feed.stop();
  expect(world.socket.closedByClient).toBe(false);
  second.feed.stop();
  expect(world.socket.closedByClient).toBe(true);
});
