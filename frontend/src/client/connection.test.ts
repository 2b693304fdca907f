import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { PollResult } from './facts';
import { POLL_MS } from './machine';
import { event, NO_STATS, observe, pass } from './scripted';

function answered(cursor: string): PollResult {
  return { outcome: 'page', events: [], cursor, more: false, stats: NO_STATS };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('coming up', () => {
  test('it is connecting, catching up, then live', async () => {
    const { world, connection } = observe();
    const phases: string[] = [];
    connection.onState(({ phase }) => {
      if (phases.at(-1) !== phase) phases.push(phase);
    });
    connection.start();
    world.socket.welcomes(5, [event(4), event(5)]);
    expect(phases).toEqual(['connecting', 'catching_up', 'live']);
  });

  test('the token goes first, in a frame and not in the address', () => {
    const { world, connection } = observe();
    connection.setToken('secret');
    connection.start();
    world.socket.welcomes(5);
    expect(world.socket.sent).toEqual([{ type: 'auth', token: 'secret' }, { type: 'subscribe' }]);
  });

  test('starting twice opens one socket', () => {
    const { world, connection } = observe();
    connection.start();
    connection.start();
    expect(world.sockets).toHaveLength(1);
  });

  test('a frame of an unknown kind is left aside', () => {
    const { world, connection, cursors } = observe();
    connection.start();
    world.socket.welcomes(5);
    world.socket.onmessage?.({
      data: `{"type":"later_invention"}\n${JSON.stringify(event(6))}`,
    } as MessageEvent);
    expect(cursors()).toEqual(['1.6']);
  });
});

describe('coming back', () => {
  test('it resumes at the last event that it had', async () => {
    const { world, connection, cursors } = observe();
    connection.start();
    world.socket.welcomes(5);
    world.socket.says(event(6), event(7));
    world.socket.closes(1012);
    await pass(3000);
    expect(world.sockets).toHaveLength(2);
    world.socket.welcomes(9, [event(8), event(9)]);
    expect(world.socket.sent).toEqual([{ type: 'subscribe', cursor: '1.7' }]);
    expect(cursors()).toEqual(['1.6', '1.7', '1.8', '1.9']);
  });

  test('a duplicate replay is delivered once', async () => {
    const { world, connection, cursors } = observe();
    connection.start();
    world.socket.welcomes(5);
    world.socket.says(event(6), event(7));
    world.socket.closes(1006);
    await pass(3000);
    world.socket.welcomes(8, [event(6), event(7), event(8)]);
    world.socket.says(event(8), event(9));
    expect(cursors()).toEqual(['1.6', '1.7', '1.8', '1.9']);
  });

  test('the close of a socket that was given up does not close the one in use', async () => {
    const { world, connection } = observe();
    connection.start();
    const first = world.socket;
    await pass(15_000);
    expect(first.closedByClient).toBe(true);
    await pass(3_000);
    const second = world.socket;
    expect(second).not.toBe(first);
    second.welcomes(5);
    first.closes(1006);
    expect(connection.state().phase).toBe('live');
  });

  test('a socket that opens after it was given up is closed and not listened to', async () => {
    const { world, connection, cursors } = observe();
    connection.start();
    const first = world.socket;
    await pass(18_000);
    world.socket.welcomes(5);
    first.closedByClient = false;
    first.welcomes(3, [event(2)]);
    expect(cursors()).toEqual([]);
    expect(connection.state().phase).toBe('live');
  });

  test('each failed attempt waits longer, up to half a minute', async () => {
    const { world, connection } = observe();
    connection.start();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 6; attempt += 1) {
      world.socket.closes(1006);
      const failedAt = Date.now();
      const count = world.sockets.length;
      while (world.sockets.length === count) await pass(250);
      waits.push(Date.now() - failedAt);
    }
    expect(waits).toEqual([2250, 4500, 9000, 18_000, 22_500, 22_500]);
  });

  test('without autoReconnect it stays away and says why', async () => {
    const { world, connection } = observe({ autoReconnect: false });
    connection.start();
    world.socket.welcomes(5);
    world.socket.closes(1006);
    await pass(120_000);
    expect(world.sockets).toHaveLength(1);
    expect(connection.state()).toMatchObject({ phase: 'offline', error: 'The connection was lost (1006).' });
  });

  test('a server that says "never" is believed', async () => {
    const { world, connection } = observe();
    connection.start();
    world.socket.closes(4501, 'not like this');
    await pass(600_000);
    expect(world.sockets).toHaveLength(1);
    expect(connection.state().error).toBe('not like this');
  });

  test('a refused token is asked for, and another one is tried at once', async () => {
    const { world, connection } = observe();
    connection.setToken('wrong');
    connection.start();
    world.socket.opens();
    world.socket.closes(1008);
    expect(connection.state().denied).toBe(true);
    await pass(600_000);
    expect(world.sockets).toHaveLength(1);
    connection.setToken('right');
    world.socket.welcomes(5);
    expect(world.socket.sent[0]).toEqual({ type: 'auth', token: 'right' });
    expect(connection.state()).toMatchObject({ phase: 'live', denied: false });
  });
});

test('a token given while the server waits for one goes out at once', () => {
  const { world, connection } = observe();
  connection.start();
  const first = world.socket;
  first.opens();
  connection.setToken('right');
  expect(first.closedByClient).toBe(true);
  world.socket.welcomes(5);
  first.closes(1008);
  expect(world.socket.sent[0]).toEqual({ type: 'auth', token: 'right' });
  expect(connection.state()).toMatchObject({ phase: 'live', denied: false });
});

describe('silence', () => {
  test('after half a minute it asks for a sign of life and takes any frame as one', async () => {
    const { world, connection } = observe();
    connection.start();
    world.socket.welcomes(5);
    await pass(31_000);
    expect(world.socket.sent.at(-1)).toEqual({ type: 'ping' });
    world.socket.says({ type: 'pong' });
    await pass(20_000);
    expect(world.sockets).toHaveLength(1);
    expect(connection.state().phase).toBe('live');
  });

  test('a server that does not answer is given up and resumed', async () => {
    const { world, connection } = observe();
    connection.start();
    world.socket.welcomes(5);
    const first = world.socket;
    await pass(45_000);
    expect(first.closedByClient).toBe(true);
    expect(world.sockets.length).toBeGreaterThan(1);
    expect(connection.state().phase).not.toBe('live');
  });

  test('a tab that slept for an hour comes back at once, from where it was', async () => {
    const { world, connection, cursors } = observe();
    connection.start();
    world.socket.welcomes(5);
    world.socket.says(event(6));
    const asleep = world.socket;
    // No timer runs while the machine sleeps: only the clock has moved when it wakes.
    vi.setSystemTime(Date.now() + 3_600_000);
    connection.wake();
    expect(asleep.closedByClient).toBe(true);
    world.socket.welcomes(9, [event(7), event(8), event(9)]);
    asleep.closes(1006);
    expect(world.socket.sent).toEqual([{ type: 'subscribe', cursor: '1.6' }]);
    expect(cursors()).toEqual(['1.6', '1.7', '1.8', '1.9']);
    expect(connection.state().phase).toBe('live');
  });

  test('waking from a short nap asks, and gives up on silence within seconds', async () => {
    const { world, connection } = observe();
    connection.start();
    world.socket.welcomes(5);
    await pass(10_000);
    connection.wake();
    expect(world.socket.sent.at(-1)).toEqual({ type: 'ping' });
    await pass(5_000);
    expect(connection.state().phase).not.toBe('live');
  });
});

describe('reset', () => {
  test('it is delivered in its place, and what follows goes on from its cursor', () => {
    const { world, connection, deliveries } = observe();
    connection.start();
    world.socket.welcomes(5);
    world.socket.says(event(6), { type: 'reset', reason: 'lagged', cursor: '1.50' }, event(40), event(51));
    expect(deliveries.map(({ kind }) => kind)).toEqual(['events', 'reset', 'events']);
    expect(connection.state().cursor).toBe('1.51');
  });

  test('in the middle of a replay it drops the rest of the old one', async () => {
    const { world, connection, cursors, deliveries } = observe();
    connection.start();
    world.socket.welcomes(5);
    world.socket.closes(1006);
    await pass(3000);
    world.socket.opens();
    world.socket.says({ type: 'welcome', session: 's', ping_s: 25, cursor: '2.3', epoch: 2 });
    world.socket.says({ type: 'subscribed', cursor: '2.3', recovered: false });
    world.socket.says(event(6), { type: 'reset', reason: 'epoch_changed', cursor: '2.3' }, event(7));
    world.socket.says(event(4, { cursor: '2.4' }), { type: 'caught_up', cursor: '2.4' });
    expect(cursors()).toEqual(['1.6', '2.4']);
    expect(deliveries.filter(({ kind }) => kind === 'reset')).toHaveLength(1);
    expect(connection.state().phase).toBe('live');
  });
});

describe('without a socket', () => {
  test('it polls the log from its cursor and delivers the same events', async () => {
    const { world, connection, cursors } = observe();
    connection.start();
    world.socket.welcomes(5);
    world.answer = (cursor) => ({
      outcome: 'page',
      events: cursor === '1.5' ? [event(6)] : [],
      cursor: '1.6',
      more: false,
      stats: NO_STATS,
    });
    world.socket.closes(1006);
    await pass(100);
    expect(connection.state().phase).toBe('polling');
    expect(cursors()).toEqual(['1.6']);
    await pass(POLL_MS);
    expect(world.polls).toEqual(['1.5', '1.6']);
  });

  test('when neither answers it is offline, and live again by itself', async () => {
    const { world, connection } = observe();
    connection.start();
    world.socket.welcomes(5);
    world.socket.closes(1006);
    await pass(100);
    expect(connection.state().phase).toBe('offline');
    await pass(3_000);
    world.socket.welcomes(6, [event(6)]);
    expect(connection.state().phase).toBe('live');
    const polls = world.polls.length;
    await pass(POLL_MS * 3);
    expect(world.polls).toHaveLength(polls);
  });

  test('once the server answers again the socket is tried at once, however long it was away', async () => {
    const { world, connection } = observe();
    connection.start();
    world.socket.welcomes(5);
    world.socket.closes(1006);
    for (let second = 0; second < 60; second += 1) {
      await pass(1_000);
      world.socket.closes(1006);
    }
    expect(connection.state().phase).toBe('offline');
    const sockets = world.sockets.length;
    world.answer = (cursor) => answered(cursor ?? '1.5');
    await pass(POLL_MS);
    expect(world.sockets).toHaveLength(sockets + 1);
    world.socket.welcomes(5);
    expect(connection.state().phase).toBe('live');
  });

  test('a socket that does not come up while questions are answered is tried no more often for it', async () => {
    const { world, connection } = observe();
    world.answer = (cursor) => answered(cursor ?? '1.5');
    connection.start();
    for (let second = 0; second < 120; second += 1) {
      world.socket.closes(1006);
      await pass(1_000);
    }
    expect(connection.state().phase).toBe('polling');
    expect(world.sockets.length).toBeLessThan(9);
  });

  test('pages that lost the server together do not ask for it together', async () => {
    const gaps: number[] = [];
    for (const random of [0, 0.999]) {
      const { world, connection } = observe();
      world.random = () => random;
      connection.start();
      world.socket.closes(1006);
      await pass(0);
      const from = Date.now();
      while (world.polls.length === 1) await pass(100);
      gaps.push(Date.now() - from);
      connection.stop();
    }
    expect(gaps).toEqual([POLL_MS / 2, POLL_MS]);
  });

  test('a cursor that the log no longer has is a reset', async () => {
    const { world, connection, deliveries } = observe();
    connection.start();
    world.socket.welcomes(5);
    world.answer = () => ({ outcome: 'expired', reason: 'cursor_expired', cursor: '1.900', stats: NO_STATS });
    world.socket.closes(1006);
    await pass(100);
    expect(deliveries[0]).toEqual({ kind: 'reset', reason: 'cursor_expired', cursor: '1.900' });
    expect(connection.state().cursor).toBe('1.900');
  });

  test('an answer that comes after the socket is back changes nothing', async () => {
    const { world, connection, cursors } = observe();
    connection.start();
    world.socket.welcomes(5);
    let answerNow: (() => void) | undefined;
    world.poll = () =>
      new Promise((resolve) => {
        answerNow = () =>
          resolve({ outcome: 'page', events: [event(6)], cursor: '1.6', more: false, stats: NO_STATS });
      });
    world.socket.closes(1006);
    await pass(3_000);
    world.socket.welcomes(7, [event(6), event(7)]);
    answerNow?.();
    await pass(0);
    expect(cursors()).toEqual(['1.6', '1.7']);
    expect(connection.state().phase).toBe('live');
  });
});

describe('covering a snapshot', () => {
  test('a page older than the subscription gets the events between', () => {
    const { world, connection, cursors } = observe();
    connection.start();
    world.socket.welcomes(10);
    connection.cover('1.7');
    // What was on its way belongs to the subscription before.
    world.socket.says(event(11));
    world.socket.answers(11, [event(8), event(9), event(10), event(11)]);
    expect(world.socket.sent.at(-1)).toEqual({ type: 'subscribe', cursor: '1.7' });
    expect(cursors()).toEqual(['1.8', '1.9', '1.10', '1.11']);
  });

  test('a page that was loaded before the first answer is covered too', () => {
    const { world, connection, cursors } = observe();
    connection.start();
    world.socket.opens();
    world.socket.says({ type: 'welcome', session: 's', ping_s: 25, cursor: '1.10', epoch: 1 });
    connection.cover('1.7');
    world.socket.answers(10);
    world.socket.answers(10, [event(8), event(9), event(10)]);
    expect(cursors()).toEqual(['1.8', '1.9', '1.10']);
    expect(connection.state().phase).toBe('live');
  });

  test('a newer page asks for nothing', () => {
    const { world, connection } = observe();
    connection.start();
    world.socket.welcomes(10);
    connection.cover('1.10');
    expect(world.socket.sent).toHaveLength(1);
  });
});
