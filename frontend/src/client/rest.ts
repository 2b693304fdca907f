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

/** The server could not be reached, or what answered was not the board. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

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
    const askedAt = Date.now();
    try {
      response = await fetch(this.#base + path, {
        method: options.method ?? 'GET',
        headers,
        signal: options.signal ?? null,
        body: options.body === undefined ? null : JSON.stringify(options.body),
      });
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw new Unreachable('The server cannot be reached.');
    }
    this.#time?.heard(response.headers.get('date'), askedAt, Date.now());
    if (response.ok) return response.status === 204 ? (undefined as T) : await readJson<T>(response);
    const problem = await readProblem(response);
    if (problem.status === 401) this.#access.refuse();
    throw problem;
  }
}

async function readJson<T>(response: Response): Promise<T> {
  try {
    return parseJson(await response.text()) as T;
  } catch {
    throw new Unreachable('The answer was not JSON: is something else listening at this address?');
  }
}

async function readProblem(response: Response): Promise<Problem> {
  let document: { code?: unknown; detail?: unknown; title?: unknown } = {};
  try {
    document = (await response.json()) as typeof document;
  } catch {
    // A proxy's error page: the status has to do.
  }
  const text = [document.detail, document.title].find((part) => typeof part === 'string' && part !== '');
  return new Problem(
    response.status,
    typeof document.code === 'string' ? document.code : `http_${response.status}`,
    typeof text === 'string' ? text : `The server answered ${response.status}.`,
  );
}
