/** What a page's JavaScript heap holds: its size after a collection, and what makes it grow, by constructor. */

import type { Browser, CDPSession, Page } from 'playwright-core';

/** Anything that speaks the DevTools protocol: a page's session, or one with a shared worker. */
interface Debugged {
  send(method: string, params?: object): Promise<unknown>;
  /** Listens for events of the protocol. */
  on(method: string, listener: (params: unknown) => void): void;
}

/** What belongs to the browser has names as long as C++ makes them. */
const NAME_MAX = 60;

export interface Holding {
  count: number;
  bytes: number;
}

/** By constructor: objects by their class, everything else by what it is, in brackets. */
export type Contents = ReadonlyMap<string, Holding>;

export class Heap {
  readonly #debugged: Debugged;

  private constructor(debugged: Debugged) {
    this.#debugged = debugged;
  }

  static async ofPage(page: Page): Promise<Heap> {
    const session = await page.context().newCDPSession(page);
    return new Heap(session as unknown as Debugged);
  }

  /** The heap of the worker that holds the connection for all tabs; null where there is none. */
  static async ofSharedWorker(browser: Browser): Promise<Heap | null> {
    const session = await browser.newBrowserCDPSession();
    const { targetInfos } = await session.send('Target.getTargets');
    const worker = targetInfos.find(({ type }) => type === 'shared_worker');
    if (worker === undefined) return null;
    const { sessionId } = await session.send('Target.attachToTarget', { targetId: worker.targetId, flatten: false });
    return new Heap(new Relayed(session, sessionId));
  }

  /** What is in use after a collection, in megabytes. */
  async size(): Promise<number> {
    await this.#debugged.send('HeapProfiler.collectGarbage');
    const { usedSize } = (await this.#debugged.send('Runtime.getHeapUsage')) as { usedSize: number };
    return usedSize / 1e6;
  }

  /** Takes a snapshot, which holds up the page for seconds, and adds it up. */
  async contents(): Promise<Contents> {
    const chunks: string[] = [];
    this.#debugged.on('HeapProfiler.addHeapSnapshotChunk', (params) => chunks.push((params as { chunk: string }).chunk));
    await this.#debugged.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
    const text = chunks.splice(0).join('');
    return addedUp(JSON.parse(text) as Snapshot);
  }
}

/** What grew most between two snapshots, the most first. */
export function growth(before: Contents, after: Contents, shown: number): readonly string[] {
  const nothing = { count: 0, bytes: 0 };
  return [...after]
    .map(([name, now]) => ({ name, now, then: before.get(name) ?? nothing }))
    .sort((a, b) => b.now.bytes - b.then.bytes - (a.now.bytes - a.then.bytes))
    .slice(0, shown)
    .map(({ name, now, then }) => {
      const [mb, pieces] = [(now.bytes - then.bytes) / 1e6, now.count - then.count];
      const signed = (text: string, value: number) => (value < 0 ? text : `+${text}`);
      return `${name.padEnd(NAME_MAX)} ${signed(mb.toFixed(2), mb).padStart(8)} MB  ${signed(pieces.toLocaleString('en'), pieces).padStart(10)} pieces, now ${(now.bytes / 1e6).toFixed(2)} MB`;
    });
}

interface Snapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: readonly string[]; readonly node_types: readonly [readonly string[]] } };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

function addedUp({ snapshot: { meta }, nodes, strings }: Snapshot): Contents {
  const width = meta.node_fields.length;
  const place = (field: string) => meta.node_fields.indexOf(field);
  const [type, name, size] = [place('type'), place('name'), place('self_size')];
  const contents = new Map<string, Holding>();
  for (let node = 0; node < nodes.length; node += width) {
    const kind = meta.node_types[0][nodes[node + type] ?? -1] ?? 'unknown';
    const named = strings[nodes[node + name] ?? -1] ?? '';
    const key = kind === 'object' ? named : kind === 'native' ? `(native) ${named}`.slice(0, NAME_MAX) : `(${kind})`;
    const holding = contents.get(key) ?? { count: 0, bytes: 0 };
    holding.count += 1;
    holding.bytes += nodes[node + size] ?? 0;
    contents.set(key, holding);
  }
  return contents;
}

/** The protocol of one target, in messages through the browser's own session. */
class Relayed implements Debugged {
  readonly #session: CDPSession;
  readonly #id: string;
  readonly #asked = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Map<string, (params: unknown) => void>();
  #count = 0;

  constructor(session: CDPSession, id: string) {
    this.#session = session;
    this.#id = id;
    session.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
      if (sessionId === this.#id) this.#hear(JSON.parse(message) as Answer);
    });
  }

  on(method: string, listener: (params: unknown) => void): void {
    this.#listeners.set(method, listener);
  }

  async send(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#count;
    const answer = new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject }));
    const message = JSON.stringify({ id, method, params });
    await this.#session.send('Target.sendMessageToTarget', { sessionId: this.#id, message });
    return answer;
  }

  #hear(answer: Answer): void {
    if (answer.method !== undefined) this.#listeners.get(answer.method)?.(answer.params);
    if (answer.id === undefined) return;
    const asked = this.#asked.get(answer.id);
    this.#asked.delete(answer.id);
    if (answer.error === undefined) asked?.resolve(answer.result);
    else asked?.reject(new Error(answer.error.message));
  }
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}
