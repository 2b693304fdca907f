/** Calls to the REST interface: JSON in, JSON out, problem documents as errors, the token in a header. */

import type { Access } from './access';
import { parseJson } from './json';
import type { ServerTime } from './serverTime';

/** A refusal that the server explained: RFC 9457, with a stable `code`. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The server could not be reached, gave no answer in time, or what answered was not the board. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/**
 * A question that is not answered by then is given up. A network that lost it never says so, and a browser has six out at
 * once: after six of those nobody could ask anything.
 */
const ANSWER_WITHIN_MS = 30_000;

/** What stands before a server answers so where that is away; the board itself says more with it. */
const FOR_ANOTHER: ReadonlySet<number> = new Set([502, 503, 504]);

export class Rest {
  readonly #base: string;
  readonly #access: Access;
  readonly #time: ServerTime | null;

  /** `time` learns from every answer. */
  constructor(base: string, access: Access, time: ServerTime | null = null) {
    this.#base = base;
    this.#access = access;
    this.#time = time;
  }

  /** The answer's JSON, taken at its word to be a `T`. Throws Problem or Unreachable. */
  async call<T>(path: string, options: RequestOptions = {}): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json' };
    const token = this.#access.token();
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    if (options.body !== undefined) headers['Content-Type'] = 'application/json';
    let response: Response;
    let text: string;
    let answeredAt: number;
    const askedAt = Date.now();
    try {
      response = await fetch(this.#base + path, {
        method: options.method ?? 'GET',
        headers,
        signal: withinTime(options),
        body: options.body === undefined ? null : JSON.stringify(options.body),
      });
      answeredAt = Date.now();
      text = await response.text();
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw new Unreachable('The server cannot be reached.');
    }
    this.#time?.heard(response.headers.get('date'), askedAt, answeredAt);
    if (response.ok) return response.status === 204 ? (undefined as T) : readJson<T>(text);
    const problem = readProblem(response, text);
    if (problem instanceof Problem && problem.status === 401) this.#access.refuse();
    throw problem;
  }
}

/** What was asked may be given up after a while; what is to be done goes on, whoever waits for it. */
function withinTime({ method, signal }: RequestOptions): AbortSignal | null {
  if (method !== undefined) return signal ?? null;
  const late = AbortSignal.timeout(ANSWER_WITHIN_MS);
  return signal === undefined ? late : AbortSignal.any([late, signal]);
}

function readJson<T>(text: string): T {
  try {
    return parseJson(text) as T;
  } catch {
    throw new Unreachable('The answer was not JSON: is something else listening at this address?');
  }
}

function readProblem(response: Response, body: string): Problem | Unreachable {
  let document: { code?: unknown; detail?: unknown; title?: unknown } = {};
  try {
    document = JSON.parse(body) as typeof document;
  } catch {
    // A proxy's error page: the status has to do.
    if (FOR_ANOTHER.has(response.status))
      return new Unreachable(
        `The server cannot be reached: what stands before it answered ${response.status}.`,
      );
  }
  const text = [document.detail, document.title].find((part) => typeof part === 'string' && part !== '');
  return new Problem(
    response.status,
    typeof document.code === 'string' ? document.code : `http_${response.status}`,
    typeof text === 'string' ? text : `The server answered ${response.status}.`,
  );
}
