import { ChevronLeft, ChevronRight, History, Radio } from 'lucide-react';
import { useEffect, useId, useRef, useState } from 'react';
import { compareCursors, isCursor } from '@/client/cursor';
import { stepped } from '@/client/moment';
import { moveTo, useJustLooked, useSpan, useThen } from '@/client/react/moment';
import { Problem } from '@/client/rest';
import { Button } from '@/ui/Button';
import { useHotkeys } from '@/ui/hotkeys';
import { LoadError } from '@/ui/notices';
import { exactTime } from '@/ui/time';
import './timeBar.css';

/** Dragging waits a moment before it asks the server. */
const DRAG_MS = 150;

/** Says that the board shows the past, and moves it: to any moment of the log, by single changes, or back to now. */
export function TimeBar({ asOf }: { asOf: string }) {
  const { data: span } = useSpan(true);
  const then = useThen(asOf);
  // A step goes from the place that the address names: quick ones do not wait for the counts of those between.
  const cursor = isCursor(asOf) ? asOf : then.isPlaceholderData ? null : (then.data?.cursor ?? null);
  const at = atOf(asOf) ?? Date.parse(then.data?.at ?? '');
  const [dragged, setDragged] = useDragged(asOf);
  const label = useId();
  const slider = useRef<HTMLInputElement>(null);
  const looked = useJustLooked();
  const ready = span !== undefined;
  useEffect(() => {
    if (looked && ready) slider.current?.focus({ preventScroll: true });
  }, [looked, ready]);

  // Times have microseconds, of which a browser keeps the milliseconds: the first whole one after the beginning.
  const first = Date.parse(span?.first.at ?? '') + 1;
  const last = Math.max(Date.parse(span?.now ?? ''), Number.isNaN(at) ? 0 : at);
  const shown = dragged ?? at;
  const atEnd = cursor !== null && span !== undefined && compareCursors(cursor, span.last.cursor) >= 0;
  const atStart = cursor !== null && span !== undefined && compareCursors(cursor, span.first.cursor) <= 0;
  const step = (by: number) => {
    if (cursor !== null && !(by > 0 ? atEnd : atStart)) moveTo(stepped(cursor, by));
  };
  useHotkeys({ ',': () => step(-1), '.': () => step(1) });

  return (
    <section className="timebar" aria-label="The past">
      <p className="timebar-said" role="status">
        <History aria-hidden="true" />
        <span>
          The board as it stood{' '}
          <b className="num">{Number.isNaN(shown) ? '…' : exactTime(new Date(shown).toISOString())}</b>
          <span className="muted mono timebar-cursor">{cursor === null ? '' : ` ${cursor}`}</span>
        </span>
      </p>
      <div className="timebar-controls">
        <Button look="quiet" icon aria-label="One change back" disabled={atStart} onClick={() => step(-1)}>
          <ChevronLeft aria-hidden="true" />
        </Button>
        <span id={label} className="sr-only">
          Moment
        </span>
        <input
          ref={slider}
          className="timebar-slider"
          type="range"
          aria-labelledby={label}
          aria-valuetext={Number.isNaN(shown) ? undefined : exactTime(new Date(shown).toISOString())}
          min={Number.isNaN(first) ? 0 : first}
          max={Number.isNaN(last) ? 1 : last}
          step="any"
          value={Number.isNaN(shown) ? 1 : shown}
          disabled={!ready}
          onChange={(event) => setDragged(Math.round(Number(event.target.value)))}
        />
        <Button look="quiet" icon aria-label="One change on" disabled={atEnd} onClick={() => step(1)}>
          <ChevronRight aria-hidden="true" />
        </Button>
        <Button look="primary" onClick={() => moveTo(null)}>
          <Radio aria-hidden="true" />
          Now
        </Button>
      </div>
      {then.error !== null && (
        <div className="timebar-error">
          <LoadError
            error={then.error}
            retry={hopeless(then.error) ? undefined : () => void then.refetch()}
          />
        </div>
      )}
    </section>
  );
}

/** Whether the server would only say the same again. */
function hopeless(error: Error): boolean {
  return error instanceof Problem && error.status < 500;
}

/** What the slider was dragged to, until the board has moved there. */
function useDragged(asOf: string): readonly [number | null, (at: number) => void] {
  const [value, setValue] = useState<number | null>(null);
  useEffect(() => {
    if (value === null) return;
    const timer = setTimeout(() => moveTo(new Date(value).toISOString()), DRAG_MS);
    return () => clearTimeout(timer);
  }, [value]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: wherever the board is moved to, the slider is there
  useEffect(() => setValue(null), [asOf]);
  return [value, setValue];
}

/** The time of a moment that is one; null for a cursor, whose time only the server knows. */
function atOf(asOf: string): number | null {
  return asOf.includes('T') ? Date.parse(asOf) : null;
}
