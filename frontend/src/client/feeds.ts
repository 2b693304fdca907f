/** The feeds of this page: one for everything that wants the usual settings, opened once and closed when unused. */

import type { Access } from './access';
import { Connection, type Link } from './connection';
import type { Settings } from './facts';
import { drawSoon, Feed } from './feed';
import { ROOT } from './root';
import { sharedLink } from './shared/link';
import { browserWorld } from './world';

export const USUAL: Settings = { autoReconnect: true, reconnectInterval: 3000 };

/** React unmounts and mounts again within a breath (StrictMode, a change of page): the feed outlives that. */
const GRACE_MS = 1_000;

interface Lent {
  readonly feed: Feed;
  users: number;
  closing: ReturnType<typeof setTimeout> | undefined;
}

export class Feeds {
  readonly #access: Access;
  readonly #makeLink: (settings: Settings) => Link;
  readonly #lent = new Map<string, Lent>();

  constructor(access: Access, makeLink: (settings: Settings) => Link = linkTo(ROOT)) {
    this.#access = access;
    this.#makeLink = makeLink;
  }

  /** The feed for these settings, started. Give it back with the returned function. */
  borrow(settings: Settings): { readonly feed: Feed; readonly giveBack: () => void } {
    const key = `${settings.autoReconnect} ${settings.reconnectInterval}`;
    const lent = this.#lent.get(key) ?? this.#make(key, settings);
    clearTimeout(lent.closing);
    lent.users += 1;
    if (lent.users === 1) lent.feed.start();
    let back = false;
    const giveBack = () => {
      if (back) return;
      back = true;
      lent.users -= 1;
      if (lent.users === 0) lent.closing = setTimeout(() => lent.feed.stop(), GRACE_MS);
    };
    return { feed: lent.feed, giveBack };
  }

  /** The feed for these settings, not started: for reading its state. */
  peek(settings: Settings): Feed {
    const key = `${settings.autoReconnect} ${settings.reconnectInterval}`;
    return (this.#lent.get(key) ?? this.#make(key, settings)).feed;
  }

  #make(key: string, settings: Settings): Lent {
    const feed = new Feed(this.#makeLink(settings), drawSoon);
    feed.setToken(this.#access.token());
    this.#access.onChange(() => feed.setToken(this.#access.token()));
    feed.onState((state) => {
      if (state.denied) this.#access.refuse();
    });
    const lent: Lent = { feed, users: 0, closing: undefined };
    this.#lent.set(key, lent);
    return lent;
  }
}

function linkTo(base: string): (settings: Settings) => Link {
  return (settings) => {
    const usual =
      settings.autoReconnect === USUAL.autoReconnect &&
      settings.reconnectInterval === USUAL.reconnectInterval;
    return (usual ? sharedLink() : null) ?? new Connection(browserWorld(base), settings);
  };
}
