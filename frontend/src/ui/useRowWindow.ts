import { type RefObject, useCallback, useEffect, useState } from 'react';

export interface RowWindow {
  readonly first: number;
  /** One past the last. */
  readonly end: number;
  readonly scrollTo: (index: number) => void;
}

const OVERSCAN = 8;

/**
 * Which of `count` rows of one height are in sight. Costs the same for a hundred rows and a hundred thousand, and
 * draws only when rows come into sight or leave it. `above` is the height of a head that sticks to the top.
 */
export function useRowWindow(
  scroller: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
  above: number,
): RowWindow {
  const [sight, setSight] = useState({ first: 0, rows: 30 });

  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const look = () => {
      const first = Math.floor(element.scrollTop / rowHeight);
      const rows = Math.ceil(element.clientHeight / rowHeight) + 1;
      setSight((before) => (before.first === first && before.rows === rows ? before : { first, rows }));
    };
    look();
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      sizes.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, [scroller, rowHeight]);

  const scrollTo = useCallback(
    (index: number) => {
      const element = scroller.current;
      if (element === null) return;
      const top = index * rowHeight;
      const room = element.clientHeight - above - rowHeight;
      if (top < element.scrollTop) element.scrollTop = top;
      else if (top > element.scrollTop + room) element.scrollTop = top - room;
    },
    [scroller, rowHeight, above],
  );

  return {
    first: Math.max(0, Math.min(sight.first, count) - OVERSCAN),
    end: Math.min(count, sight.first + sight.rows + OVERSCAN),
    scrollTo,
  };
}
