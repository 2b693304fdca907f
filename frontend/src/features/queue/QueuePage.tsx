import { ListChecks } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { useLocation } from 'wouter';
import { type Action, allows } from '@/client/api';
import type { ListView } from '@/client/jobList';
import { useMoment } from '@/client/react/moment';
import { useJobList } from '@/client/react/useJobList';
import { Unreachable } from '@/client/rest';
import { FailingSources } from '@/parts/FailingSources';
import { useAct, useExpectedStatus } from '@/parts/jobActions';
import { jobPath } from '@/parts/links';
import { UNKNOWN_THEN } from '@/parts/past';
import { useReadOnly } from '@/parts/readOnly';
import { offeredBy, useOffered, useSources } from '@/parts/sources';
import { Button } from '@/ui/Button';
import { useHotkeys } from '@/ui/hotkeys';
import { LoadError, Note, Skeleton } from '@/ui/notices';
import { BulkBar } from './BulkBar';
import { FilterBar } from './FilterBar';
import { JobTable, type TableKeys } from './JobTable';
import { Nothing } from './Nothing';
import './queue.css';
import { useCounted } from './useCounted';
import { MuteButton, useJobToasts } from './useJobToasts';
import { useQueueAddress } from './useQueueAddress';

const PAGE_SIZE = 200;

export function QueuePage() {
  const { filter, sort, change } = useQueueAddress();
  const { list, view } = useJobList(filter, sort, { pageSize: PAGE_SIZE });
  const counted = useCounted(filter);
  const [, navigate] = useLocation();
  const sources = useSources();
  const watched = sources.length > 0 && offeredBy(sources, filter.source).length === 0;
  // Nothing is offered that no source in question can do.
  const idle = useReadOnly() || watched;
  const past = useMoment() !== null;
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [bulk, setBulk] = useState(false);
  const anchor = useRef<string | null>(null);
  const searchBox = useRef<HTMLInputElement>(null);
  const table = useRef<TableKeys>(null);
  const bar = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLHeadingElement>(null);
  const act = useAct();
  const offered = useOffered();
  const expected = useExpectedStatus();
  useJobToasts();

  const select = useCallback(
    (key: string, range: boolean) => {
      const order = list.view().order;
      const from = range && anchor.current !== null ? order.indexOf(anchor.current) : -1;
      const to = order.indexOf(key);
      anchor.current = key;
      setSelected((before) => {
        const after = new Set(before);
        if (from >= 0)
          for (const each of order.slice(Math.min(from, to), Math.max(from, to) + 1)) after.add(each);
        else if (!after.delete(key)) after.add(key);
        return after;
      });
    },
    [list],
  );
  /** Puts an end to what the toolbar was opened for, and the focus on the list where what had it is gone. */
  const settle = (done: ReadonlySet<string>) => {
    flushSync(() => {
      setSelected((before) => new Set([...before].filter((key) => !done.has(key))));
      setBulk(false);
    });
    const focused = document.activeElement;
    if (focused !== null && focused !== document.body && !focused.matches(':disabled')) return;
    if (table.current !== null) table.current.focus();
    else head.current?.focus();
  };
  const clear = () => settle(selected);
  const actOnCurrent = (action: Action) => {
    const job = table.current?.current();
    const status = job ? expected(job) : null;
    if (idle || !job || status === null || !allows(action, status)) return;
    if (offered(job.source).includes(action)) void act(job, action);
  };
  useHotkeys({
    '/': () => searchBox.current?.focus(),
    j: () => table.current?.move(1),
    k: () => table.current?.move(-1),
    ArrowDown: () => table.current?.move(1),
    ArrowUp: () => table.current?.move(-1),
    n: () => table.current?.showNew(),
    x: () => {
      const job = table.current?.current();
      if (job && !idle) select(`${job.source}/${job.id}`, false);
    },
    o: () => {
      const job = table.current?.current();
      if (job) navigate(jobPath(job));
    },
    r: () => actOnCurrent('retry'),
    c: () => actOnCurrent('cancel'),
    p: () => actOnCurrent('pause'),
    a: () => {
      if (idle || nothing) return;
      flushSync(() => setBulk(true));
      bar.current?.querySelector<HTMLElement>('button:enabled')?.focus();
    },
    Escape: () => (selected.size > 0 || bulk) && clear(),
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the jobs of the rows change with every revision
  const jobs = useMemo(
    () => [...selected].flatMap((key) => list.job(key) ?? []),
    [selected, list, view.revision],
  );
  // Where all that was loaded has gone, as after an action on it, what comes after it takes its place.
  const filled = useRef(false);
  useEffect(() => {
    if (view.order.length > 0 || !view.loaded) filled.current = view.loaded;
    else if (filled.current && view.more && !view.loading && view.error === null) {
      filled.current = false;
      void list.loadMore();
    }
  }, [list, view]);
  const empty = view.loaded && view.order.length === 0;
  const nothing = empty && !view.more && view.failing.length === 0;
  const seen = useCallback(
    (facet: 'queue' | 'kind' | 'worker' | 'tags' | 'source') =>
      list
        .view()
        .order.slice(0, 500)
        .flatMap((key) => list.job(key)?.[facet] ?? []),
    [list],
  );

  return (
    <div className="queue">
      <div className="page-head">
        <h1 ref={head} tabIndex={-1}>
          Queue
        </h1>
        <span className="muted num" data-row-count={view.order.length}>
          {view.loaded && (!empty || nothing) && howMany(view, counted.total)}
        </span>
        {!idle && jobs.length === 0 && (!nothing || bulk) && (
          <Button className="queue-all" aria-pressed={bulk} onClick={() => setBulk(!bulk)}>
            <ListChecks aria-hidden="true" />
            <span>
              Act on all<span className="queue-which"> that match</span>
            </span>
          </Button>
        )}
      </div>
      <FilterBar
        filter={filter}
        sort={sort}
        change={change}
        searchBox={searchBox}
        counted={counted}
        seen={seen}
      >
        <MuteButton />
      </FilterBar>
      {!idle && (jobs.length > 0 || bulk) && (
        <BulkBar
          jobs={jobs}
          filter={filter}
          onDone={(done) => settle(new Set(done))}
          onClear={clear}
          bar={bar}
        />
      )}
      {/* That the server is away is said above already, and what was loaded is still of use. */}
      {view.error !== null && !(view.loaded && view.error instanceof Unreachable) && (
        <LoadError error={view.error} retry={() => void list.refresh()} />
      )}
      <FailingSources failing={view.failing} />
      {/* A list without rows says so itself. */}
      {!view.complete && (past || !empty) && (
        <Note tone="grey">
          {past
            ? UNKNOWN_THEN
            : 'Only the newest 10,000 jobs of each source were looked at: filter to see older ones.'}
        </Note>
      )}
      {view.cut && <Note tone="amber">The list ends here. Filter to see older jobs.</Note>}
      <div className="panel queue-panel">
        {!view.loaded && view.error === null && (
          <div className="panel-body">
            <Skeleton lines={12} height={26} />
          </div>
        )}
        {empty && (
          <Nothing filter={filter} view={view} past={past} lookFurther={() => void list.loadMore()} />
        )}
        {/* What the feed brings before the first page has come would be pushed down by it. */}
        {view.order.length > 0 && (view.loaded || view.error !== null) && (
          <JobTable
            list={list}
            view={view}
            selected={selected}
            selectable={!idle}
            onSelect={select}
            keys={table}
          />
        )}
      </div>
    </div>
  );
}

/** Of a list that goes on, what is counted; where nobody has, that there are more than are loaded. */
function howMany({ order, more }: ListView, counted: number | null): string {
  const known = more && counted !== null ? Math.max(counted, order.length) : order.length;
  return `${known.toLocaleString()}${more && counted === null ? '+' : ''} ${known === 1 ? 'job' : 'jobs'}`;
}
