import { afterEach, expect, test, vi } from 'vitest';
import { Access } from './access';
import { Actions, expectedStatus } from './actions';
import { type Action, Api } from './api';
import type { Job } from './protocol';
import { Rest } from './rest';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const JOB = { source: 'jobs', id: 1, status: 'failed', version: 10 } as Job;

/** A server that answers when it is told to. */
function server() {
  const asked: {
    action: Action;
    answer: (status: Job['status'], version: number) => void;
    refuse: () => void;
  }[] = [];
  const api = {
    act: (_: Job, action: Action) =>
      new Promise<Job>((resolve, reject) =>
        asked.push({
          action,
          answer: (status, version) => resolve({ ...JOB, status, version }),
          refuse: () => reject(new Error('no')),
        }),
      ),
  } as unknown as Api;
  const actions = new Actions(api);
  return { asked, actions, shown: () => expectedStatus(actions.view(), JOB) };
}

const settle = () => new Promise((resolve) => setTimeout(resolve));

test('of two actions on one job the second is sent when the first has been answered', async () => {
  const { asked, actions, shown } = server();
  const first = actions.run(JOB, 'retry');
  const second = actions.run(JOB, 'cancel');
  await settle();
  expect(asked.map(({ action }) => action)).toEqual(['retry']);
  expect(shown()).toBe('cancelled');
  asked[0]?.answer('pending', 11);
  await first;
  expect(shown()).toBe('cancelled');
  await settle();
  expect(asked.map(({ action }) => action)).toEqual(['retry', 'cancel']);
  asked[1]?.answer('cancelled', 12);
  await second;
  expect(shown()).toBe('cancelled');
});

test('an action that is refused is taken back, and the next one on the job is sent and shown nevertheless', async () => {
  const { asked, actions, shown } = server();
  const first = actions.run(JOB, 'retry');
  const second = actions.run(JOB, 'delete');
  await settle();
  asked[0]?.refuse();
  await expect(first).rejects.toThrow('no');
  expect(shown()).toBeNull();
  await settle();
  expect(asked.map(({ action }) => action)).toEqual(['retry', 'delete']);
  asked[1]?.refuse();
  await expect(second).rejects.toThrow('no');
  expect(shown()).toBe('failed');
});

test('actions on two jobs do not wait for each other', async () => {
  const { asked, actions } = server();
  void actions.run(JOB, 'retry');
  void actions.run({ ...JOB, id: 2 }, 'retry');
  await settle();
  expect(asked).toHaveLength(2);
});

test('an action that is never answered does not hold up the next one on the job for ever', async () => {
  vi.spyOn(AbortSignal, 'timeout').mockImplementation(() =>
    AbortSignal.abort(new DOMException('late', 'TimeoutError')),
  );
  const never = (_: string, { signal }: RequestInit) =>
    new Promise((_answer, reject) => signal?.aborted && reject(signal.reason));
  vi.stubGlobal('fetch', vi.fn(never));
  const actions = new Actions(new Api(new Rest('', new Access(null))));
  await expect(actions.run(JOB, 'retry')).rejects.toThrow('cannot be reached');
});
