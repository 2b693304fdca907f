import { afterEach, expect, test, vi } from 'vitest';
import { Access } from './access';
import { Problem, Rest, Unreachable } from './rest';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

function answers(fetch: (path: string, init: RequestInit) => Promise<Response>): Rest {
  vi.stubGlobal('fetch', fetch);
  return new Rest('', new Access(null));
}

/** A network that loses what is asked, and says nothing of it. */
function lost(_: string, { signal }: RequestInit): Promise<Response> {
  return new Promise((_answer, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
}

function late(): AbortController {
  const late = new AbortController();
  vi.spyOn(AbortSignal, 'timeout').mockReturnValue(late.signal);
  return late;
}

test('a question that is never answered is given up in the end, also one that may be taken back before', async () => {
  const time = late();
  const rest = answers(lost);
  const asked = [rest.call('/api/jobs'), rest.call('/api/jobs', { signal: new AbortController().signal })];
  time.abort(new DOMException('late', 'TimeoutError'));
  for (const each of asked) await expect(each).rejects.toThrow(Unreachable);
});

test('what is to be done is not given up, however long it takes', async () => {
  const time = late();
  const rest = answers(async (_, { signal }) => {
    time.abort(new DOMException('late', 'TimeoutError'));
    signal?.throwIfAborted();
    return new Response('{"done":true}');
  });
  expect(await rest.call('/api/jobs/retry', { method: 'POST' })).toEqual({ done: true });
});

test('a question that is taken back is no failure of the server', async () => {
  late();
  const rest = answers(lost);
  const asking = new AbortController();
  const asked = rest.call('/api/jobs', { signal: asking.signal });
  asking.abort();
  await expect(asked).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
});

test('an answer that is cut off says that the server cannot be reached', async () => {
  const cut = new ReadableStream({ start: (body) => body.error(new TypeError('network error')) });
  const rest = answers(async () => new Response(cut));
  await expect(rest.call('/api/jobs')).rejects.toThrow('The server cannot be reached.');
});

test.each([502, 503, 504])('a page that says %i comes from before the board', async (status) => {
  const rest = answers(async () => new Response('<h1>Bad Gateway</h1>', { status }));
  await expect(rest.call('/api/jobs')).rejects.toThrow(
    `The server cannot be reached: what stands before it answered ${status}.`,
  );
  await expect(rest.call('/api/jobs')).rejects.toThrow(Unreachable);
});

test('a 503 that the board explains is told as it explains it', async () => {
  const problem = { title: 'Service Unavailable', detail: 'Not yet.', code: 'not_ready' };
  const rest = answers(async () => Response.json(problem, { status: 503 }));
  await expect(rest.call('/api/jobs')).rejects.toThrow(new Problem(503, 'not_ready', 'Not yet.'));
});
