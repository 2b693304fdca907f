/** Where somebody was in a list, so that "back" finds it again: kept for each step of the history while the page is open. */

import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react';
import type { JobList, ListView } from '@/client/jobList';

export interface Place {
  /** The first row in sight, and where it stood. */
  readonly row: string;
  readonly index: number;
  /** How much of it was out of sight, in pixels. */
  readonly above: number;
  readonly current: string | null;
}

/** Rows below the place that are there before it is gone to, so that there is something to scroll. */
const BELOW = 60;
/** So far a row may have moved down that is still looked for. */
const MOVED = 600;
/** Further down nobody waits for the pages in between. */
const READ_MAX = 5_000;

/** Where the place is by now; null where more has to be loaded first. What is gone was where it stood. */
export function whereNow({ row, index }: Place, order: readonly string[], more: boolean): number | null {
  const at = order.indexOf(row);
  const wanted = at < 0 ? index + MOVED : at + BELOW;
  if (more && order.length < Math.min(wanted, READ_MAX)) return null;
  return at < 0 ? Math.min(index, order.length - 1) : at;
}

const PLACES_MAX = 50;
const places = new Map<string, Place>();
let steps = 0;

/** The name of this step of the history, which is given one. */
function step(): string {
  const state = history.state as { step?: string } | null;
  if (state?.step !== undefined) return state.step;
  const name = `${performance.timeOrigin}.${++steps}`;
  history.replaceState({ ...state, step: name }, '');
  return name;
}

/** Goes where somebody was, and notes where they are: call what it returns whenever that may have changed. */
export function usePlace(options: {
  readonly scroller: RefObject<HTMLElement | null>;
  readonly list: JobList;
  readonly view: ListView;
  readonly rowHeight: number;
  readonly current: string | null;
  readonly setCurrent: (key: string | null) => void;
}): { readonly note: () => void; readonly giveUp: () => void } {
  const { scroller, list, view, rowHeight, current, setCurrent } = options;
  const here = useRef<string | null>(null);
  const wanted = useRef<Place | null>(null);
  useLayoutEffect(() => {
    here.current = step();
    wanted.current = places.get(here.current) ?? null;
  }, []);

  useLayoutEffect(() => {
    const [element, place] = [scroller.current, wanted.current];
    if (element === null || place === null) return;
    const index = whereNow(place, view.order, view.more && view.error === null);
    if (index === null) {
      void list.loadMore();
      return;
    }
    wanted.current = null;
    // At the top one stays at the top, whatever came in.
    if (place.index > 0 || place.above > 0) element.scrollTop = index * rowHeight + place.above;
    // Whoever does something else on the page by now keeps the focus.
    if (element.closest('.queue')?.contains(document.activeElement) !== true) setCurrent(place.current);
  }, [scroller, list, view, rowHeight, setCurrent]);

  const note = () => {
    const [element, name] = [scroller.current, here.current];
    if (element === null || name === null || wanted.current !== null) return;
    const index = Math.floor(element.scrollTop / rowHeight);
    const row = view.order[index];
    if (row === undefined) return;
    places.delete(name);
    places.set(name, { row, index, above: element.scrollTop % rowHeight, current });
    const [oldest] = places.keys();
    if (places.size > PLACES_MAX && oldest !== undefined) places.delete(oldest);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: where the list is scrolled to is noted as it is scrolled
  useEffect(note, [current]);
  return {
    note,
    giveUp: () => {
      wanted.current = null;
    },
  };
}
