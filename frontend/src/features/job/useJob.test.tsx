// @vitest-environment happy-dom
import { act } from 'react';
import { expect, test, vi } from 'vitest';
import type { Job } from '@/client/protocol';
import { drawInScriptedTime, drawOn, scriptedBoard } from '@/client/react/scriptedBoard';
import { event, job, pass } from '@/client/scripted';
import { type History, useHistory } from './useHistory';
import { useJob } from './useJob';

drawInScriptedTime();

/** How long the server takes for a page of a history. */
const ANSWER_MS = 40;

/** A job page whose server has told `told.last` changes of job 1, in pages of one. */
async function openPage() {
  const { world, board } = scriptedBoard();
  const told = { last: 5 };
  vi.spyOn(board.api, 'job').mockImplementation(async () => ({ job: job(1, 5), cursor: '1.5' }));
  const asked = vi.spyOn(board.api, 'history').mockImplementation(async (_, before) => {
    const position = before === null ? told.last : Number(before);
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
    return { events: [event(position)], next: position > 1 ? String(position - 1) : null };
  });
  let history: History | undefined;
  function Watcher() {
    useJob({ source: 'jobs', id: '1' });
    history = useHistory({ source: 'jobs', id: '1' });
    return null;
  }
  drawOn(board, <Watcher />);
  await act(async () => {
    world.socket.welcomes(5);
    await pass(2 * ANSWER_MS);
  });
  asked.mockClear();
  return {
    asked,
    shown: () => history?.entries.map(({ version }) => version),
    loadMore: () => act(async () => void history?.loadMore()),
    /** Changes come, one every 10 ms. */
    changes: (count: number) =>
      act(async () => {
        for (let index = 0; index < count; index += 1) {
          told.last += 1;
          world.socket.says(event(told.last));
          await pass(10);
        }
      }),
    rest: () => act(() => pass(2_000)),
    last: () => told.last,
  };
}

test('a job that changes all the time has a timeline that follows, asked for a few times a second', async () => {
  const page = await openPage();
  expect(page.shown()).toEqual([5]);
  await page.changes(300);
  expect(page.shown()?.[0]).toBeGreaterThan(page.last() - 50);
  expect(page.asked.mock.calls.length).toBeGreaterThan(5);
  expect(page.asked.mock.calls.length).toBeLessThan(20);
  await page.rest();
  expect(page.shown()?.[0]).toBe(page.last());
});

test('earlier events that are asked for while a job changes come, and so do the changes', async () => {
  const page = await openPage();
  await page.changes(10);
  await page.loadMore();
  await page.changes(20);
  expect(page.shown()).toHaveLength(2);
  await page.loadMore();
  await page.changes(2);
  await page.rest();
  const last = page.last();
  expect(page.shown()).toEqual([last, last - 1, last - 2]);
});

test('what is too large for an event stays as it was until the job is loaded again', async () => {
  const { world, board } = scriptedBoard();
  const phases = [{ name: 'pack' }];
  const load = vi.spyOn(board.api, 'job');
  load.mockResolvedValue({ job: { ...job(1, 5), phases, payload: 'all of it' }, cursor: '1.5' });
  let shown: Job | undefined;
  function Watcher() {
    shown = useJob({ source: 'jobs', id: '1' }).data?.job;
    return null;
  }
  drawOn(board, <Watcher />);
  await act(async () => {
    world.socket.welcomes(5);
    await pass(50);
  });
  load.mockReturnValue(new Promise(() => undefined));
  const cut = event(6);
  await act(async () => {
    world.socket.says({
      ...cut,
      job: {
        ...cut.job,
        status: 'failed',
        error: 'cut',
        phases: [],
        payload: null,
        omitted: ['phases', 'payload', 'error'],
      },
    });
    await pass(50);
  });
  expect(shown).toMatchObject({ status: 'failed', error: 'cut', phases, payload: 'all of it' });
  expect(load).toHaveBeenCalledTimes(2);
});
