import { Pause, Play, Radio } from 'lucide-react';
import { useCallback, useEffect, useEffectEvent, useRef, useState } from 'react';
import { before, compareCursors } from '@/client/cursor';
import { EVENT_TYPES, isJobEvent, type JobEvent, withVersion } from '@/client/protocol';
import { useBatches, useBoard, usePhase } from '@/client/react/board';
import { useMoment } from '@/client/react/moment';
import { EVENT_LOOKS } from '@/parts/eventLooks';
import { Button } from '@/ui/Button';
import { useHotkeys } from '@/ui/hotkeys';
import { Empty, LoadError, Skeleton } from '@/ui/notices';
import { EventLine } from './EventLine';
import './live.css';
import { Tail } from './tail';
import { useLiveAddress } from './useLiveAddress';

/** How many events from before the page was opened it starts with. */
const BEFORE = 100;

export function LivePage() {
  const asOf = useMoment();
  // A new tail for each moment: nothing of the last one may linger.
  return <Events key={asOf ?? 'now'} asOf={asOf} />;
}

function Nothing({ past, filtered }: { past: boolean; filtered: boolean }) {
  const icon = <Radio aria-hidden="true" />;
  if (filtered) {
    return (
      <Empty title="Nothing matches" icon={icon}>
        {past
          ? `Of the last ${BEFORE} events before this moment none does.`
          : 'Of the newest events none does. What comes to match appears by itself.'}
      </Empty>
    );
  }
  return (
    <Empty title="Nothing yet" icon={icon}>
      {past
        ? 'The log holds no event from before this moment.'
        : 'Every change of a job appears here the moment it is committed.'}
    </Empty>
  );
}

function Events({ asOf }: { asOf: string | null }) {
  const { api, feed } = useBoard();
  const past = asOf !== null;
  const [tail] = useState(() => new Tail());
  const [shown, setShown] = useState<readonly JobEvent[]>([]);
  const [paused, setPaused] = useState(false);
  const [pointed, setPointed] = useState(false);
  const { types, text, change } = useLiveAddress();
  const [open, setOpen] = useState<string | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [loads, setLoads] = useState(0);
  const textBox = useRef<HTMLInputElement>(null);
  const loaded = loads > 0;
  // Only what is in sight is worth holding: a filter may have taken the events from under the pointer, or the open one.
  const reading = (pointed && shown.length > 0) || shown.some((event) => event.cursor === open);
  const held = !past && (paused || reading);

  const draw = useCallback(() => setShown(tail.select(types, text)), [tail, types, text]);
  const turn = useRef(0);
  const load = useCallback(async () => {
    turn.current += 1;
    const mine = turn.current;
    try {
      const { cursor } = await api.stats(asOf);
      const { events } = await api.events(before(cursor, BEFORE), BEFORE);
      if (mine !== turn.current) return; // there was a reset meanwhile, and a later load
      tail.begin(
        events
          .filter((event) => !past || compareCursors(event.cursor, cursor) <= 0)
          .filter(isJobEvent)
          .map(withVersion),
      );
      if (asOf === null) feed.loadedAt(cursor);
      setError(null);
      setLoads((count) => count + 1);
    } catch (reason) {
      if (mine !== turn.current) return;
      setError(reason instanceof Error ? reason : new Error(String(reason)));
    }
  }, [api, feed, tail, asOf, past]);

  useEffect(() => {
    void load();
  }, [load]);
  // What was asked in vain is asked again as soon as the server is back.
  const phase = usePhase();
  const again = useEffectEvent(() => {
    if (error !== null) void load();
  });
  useEffect(() => {
    if (phase === 'live') again();
  }, [phase]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once loaded or let go, what came meanwhile is drawn
  useEffect(() => {
    if (!held) draw();
  }, [draw, held, loads]);
  // A change of filter shows even while the tail is held.
  useEffect(() => draw(), [draw]);
  useBatches(({ events, reset }) => {
    if (past) return;
    if (reset !== null) {
      tail.clear();
      void load();
    }
    tail.add(events);
    if (!held && events.length > 0) draw();
    else if (held && events.length > 0) setWaiting(tail.added);
  });
  const [waiting, setWaiting] = useState(0);
  const [drawnAt, setDrawnAt] = useState(0);
  useEffect(() => {
    if (held) setDrawnAt(tail.added);
  }, [held, tail]);
  useHotkeys({
    ' ': () => setPaused(!paused),
    '/': () => textBox.current?.focus(),
    Escape: () => setOpen(null),
  });
  const behind = held ? Math.max(0, waiting - drawnAt) : 0;

  return (
    <div className="live">
      <div className="page-head">
        <h1>Live</h1>
        {past ? (
          <span className="muted">Paused: the last {BEFORE} events before this moment</span>
        ) : (
          <Button aria-pressed={paused} onClick={() => setPaused(!paused)}>
            {paused ? <Play aria-hidden="true" /> : <Pause aria-hidden="true" />}
            {paused ? 'Go on' : 'Pause'}
          </Button>
        )}
        {!past && behind > 0 && <span className="muted num">{behind.toLocaleString()} more since</span>}
      </div>
      <div className="live-filters">
        <input
          ref={textBox}
          className="field live-text"
          type="search"
          aria-label="Filter events by text"
          placeholder="Filter by id, kind, queue or worker"
          value={text}
          onChange={(event) => change({ text: event.target.value })}
        />
        <div className="chips" role="group" aria-label="Event types">
          {EVENT_TYPES.map((type) => {
            const { word, tone, Icon } = EVENT_LOOKS[type];
            return (
              <button
                key={type}
                type="button"
                className={`chip tone-${tone}`}
                aria-pressed={types.has(type)}
                onClick={() => {
                  const next = new Set(types);
                  if (!next.delete(type)) next.add(type);
                  change({ types: next });
                }}
              >
                <Icon aria-hidden="true" />
                {word}
              </button>
            );
          })}
        </div>
      </div>
      {error !== null && <LoadError error={error} retry={() => void load()} />}
      <div
        className="panel"
        onPointerEnter={(event) => event.pointerType === 'mouse' && setPointed(true)}
        onPointerLeave={() => setPointed(false)}
      >
        {!loaded && shown.length === 0 && error === null && (
          <div className="panel-body">
            <Skeleton lines={10} />
          </div>
        )}
        {loaded && shown.length === 0 && (
          <Nothing past={past} filtered={types.size > 0 || text.trim() !== ''} />
        )}
        {shown.length > 0 && (
          <ul className="events">
            {shown.map((event) => (
              <EventLine
                key={event.cursor}
                event={event}
                open={open === event.cursor}
                onToggle={() => setOpen(open === event.cursor ? null : event.cursor)}
              />
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
