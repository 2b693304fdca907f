import { ArrowUp } from 'lucide-react';
import { memo, type RefObject, useEffect, useImperativeHandle, useRef, useState } from 'react';
import { Link } from 'wouter';
import { headline } from '@/client/headline';
import { type JobList, type ListView, WAITING_MAX } from '@/client/jobList';
import type { Job, Status } from '@/client/protocol';
import { JobId, kindOf, shortId } from '@/parts/JobId';
import { lastMoment } from '@/parts/JobLines';
import { useExpectedStatus } from '@/parts/jobActions';
import { jobPath } from '@/parts/links';
import { useSeveralSources } from '@/parts/sources';
import { StatusBadge } from '@/parts/status';
import { Button } from '@/ui/Button';
import { Meter, percent } from '@/ui/Meter';
import { Ago, Duration } from '@/ui/time';
import { useMedia } from '@/ui/useMedia';
import { useRowWindow } from '@/ui/useRowWindow';
import { usePlace } from './place';

export interface TableKeys {
  move(by: number): void;
  current(): Job | null;
  /** Takes the focus: to the current row where that is in sight, else to the list. */
  focus(): void;
  /** Lets in what waits, and goes where it comes in. */
  showNew(): void;
}

interface Props {
  readonly list: JobList;
  readonly view: ListView;
  readonly selected: ReadonlySet<string>;
  readonly selectable: boolean;
  readonly onSelect: (key: string, range: boolean) => void;
  readonly keys: RefObject<TableKeys | null>;
}

/** Where the columns do not fit beside the pages' bar: keep with queue.css. */
const TWO_LINES = '(max-width: 943px)';
const ROW = 40;
const ROW_NARROW = 66;
const HEAD_HEIGHT = 34;
const HEAD = ['Job', 'Queue', 'Status', 'Progress', 'Worker', 'Try', 'Took', 'When'] as const;

/** All rows that are loaded, of which only those in sight are drawn. */
export function JobTable({ list, view, selected, selectable, onSelect, keys }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useMedia(TWO_LINES);
  const expected = useExpectedStatus();
  const several = useSeveralSources();
  const [current, setCurrent] = useState<string | null>(null);
  const [pointed, setPointed] = useState(false);
  const [scrolled, setScrolled] = useState(false);
  const rowHeight = narrow ? ROW_NARROW : ROW;
  const { first, end, scrollTo } = useRowWindow(
    scroller,
    view.order.length,
    rowHeight,
    narrow ? 0 : HEAD_HEIGHT,
  );
  const last = end - 1;
  const { note, giveUp } = usePlace({ scroller, list, view, rowHeight, current, setCurrent });

  useEffect(() => list.hold(pointed || scrolled), [list, pointed, scrolled]);
  // A list that has run empty has no table to be pointed at, so nothing would let it go again.
  useEffect(() => () => list.hold(false), [list]);
  useEffect(() => {
    if (view.more && !view.loading && view.error === null && last >= view.order.length - 60)
      void list.loadMore();
  }, [list, last, view.more, view.loading, view.error, view.order.length]);
  const showNew = () => {
    list.release();
    scrollTo(0);
  };
  useImperativeHandle(keys, () => ({
    showNew,
    move(by) {
      const from = current === null ? -1 : view.order.indexOf(current);
      const index = Math.min(view.order.length - 1, Math.max(0, from + by));
      const key = view.order[index];
      if (key === undefined) return;
      giveUp();
      scrollTo(index);
      setCurrent(key);
    },
    current: () => (current === null ? null : (list.job(current) ?? null)),
    focus() {
      const row = current === null ? null : `[data-job="${CSS.escape(current)}"] a`;
      const link = row === null ? null : scroller.current?.querySelector<HTMLElement>(row);
      (link ?? scroller.current)?.focus({ preventScroll: true });
    },
  }));

  return (
    // The button stands inside what is held: who goes for it must not let the list go on the way.
    <div
      className="jobs-held"
      onPointerEnter={(event) => event.pointerType === 'mouse' && setPointed(true)}
      onPointerLeave={() => setPointed(false)}
    >
      <div
        ref={scroller}
        className="jobs"
        data-several={several}
        role="table"
        aria-label="Jobs"
        aria-rowcount={view.more ? -1 : view.order.length + 1}
        tabIndex={0}
        onWheel={giveUp}
        onScroll={(event) => {
          setScrolled(event.currentTarget.scrollTop > rowHeight);
          note();
        }}
      >
        <div role="rowgroup" className="jobs-top">
          <div className="jobs-head" role="row" aria-rowindex={1} data-selectable={selectable}>
            {selectable && (
              <span role="columnheader">
                <span className="sr-only">Selected</span>
              </span>
            )}
            {HEAD.map((word) => (
              <span key={word} role="columnheader" className={`cell-${word.toLowerCase()}`}>
                {word === 'Queue' && several ? 'Source / queue' : word}
              </span>
            ))}
          </div>
        </div>
        <div className="jobs-space" role="rowgroup" style={{ height: view.order.length * rowHeight }}>
          {view.order.slice(first, end).map((name, place) => {
            const index = first + place;
            const job = list.job(name);
            if (job === undefined) return null;
            return (
              <Row
                key={name}
                name={name}
                job={job}
                status={expected(job)}
                departed={list.departed(name)}
                index={index}
                start={index * rowHeight}
                several={several}
                selectable={selectable}
                selected={selected.has(name)}
                current={current === name}
                onSelect={onSelect}
                onCurrent={setCurrent}
              />
            );
          })}
        </div>
      </div>
      {view.waiting > 0 && (
        <Button className="waiting num" onClick={showNew}>
          <ArrowUp aria-hidden="true" />
          {view.waiting.toLocaleString()}
          {view.waiting === WAITING_MAX && '+'} new
        </Button>
      )}
    </div>
  );
}

interface RowProps {
  readonly name: string;
  readonly job: Job;
  readonly status: Status | null;
  readonly departed: boolean;
  readonly index: number;
  readonly start: number;
  /** Whether the source has to be told. */
  readonly several: boolean;
  readonly selectable: boolean;
  readonly selected: boolean;
  readonly current: boolean;
  readonly onSelect: (key: string, range: boolean) => void;
  readonly onCurrent: (key: string) => void;
}

const Row = memo(function Row(props: RowProps) {
  const { name, job, status, departed, index, start, several, selectable, selected, current } = props;
  const { onSelect, onCurrent } = props;
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    if (current) link.current?.focus({ preventScroll: true });
  }, [current]);
  return (
    <div
      className="jobs-row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-selectable={selectable}
      data-gone={departed || status === null}
      data-job={name}
      style={{ transform: `translateY(${start}px)` }}
    >
      {selectable && (
        <span role="cell" className="cell-check">
          <input
            type="checkbox"
            aria-label={`Select job ${shortId(job.id)}`}
            checked={selected}
            onClick={(event) => onSelect(name, event.shiftKey)}
            onChange={() => undefined}
          />
        </span>
      )}
      <span role="cell" className="cell-job truncate">
        <Link ref={link} href={jobPath(job)} onFocus={() => onCurrent(name)}>
          <JobId id={job.id} />{' '}
          <span className="jobs-kind" title={kindOf(job)}>
            {kindOf(job)}
          </span>
        </Link>
        {several && <span className="job-source jobs-source-narrow">{job.source}</span>}
      </span>
      <span
        role="cell"
        className="cell-queue"
        title={[...(several ? [job.source] : []), job.queue ?? ''].join(' / ')}
      >
        {several && <span className="muted truncate">{job.source}</span>}
        {several && <span className="muted"> / </span>}
        <span className="truncate">{job.queue}</span>
      </span>
      <span role="cell" className="cell-status">
        {status === null ? <span className="muted">Deleted</span> : <StatusBadge status={status} />}
      </span>
      <span role="cell" className="cell-progress">
        <Progress job={job} />
      </span>
      <span role="cell" className="cell-worker truncate mono muted" title={job.worker ?? undefined}>
        {job.worker}
      </span>
      <span role="cell" className="cell-try num muted">
        {tries(job)}
      </span>
      <span role="cell" className="cell-took muted">
        {job.started_at !== null && (job.finished_at !== null || job.status === 'in_progress') && (
          <Duration from={job.started_at} to={job.finished_at} />
        )}
      </span>
      <span role="cell" className="cell-when muted">
        <Ago iso={lastMoment(job)} />
      </span>
    </div>
  );
});

function tries({ attempt, max_attempts }: Job): string {
  if (attempt === null || attempt === 0) return '';
  return max_attempts === null ? String(attempt) : `${attempt}/${max_attempts}`;
}

function Progress({ job }: { job: Job }) {
  if (job.status === 'failed' && job.error) {
    return (
      <span className="jobs-error truncate" title={job.error.slice(0, 500)}>
        {headline(job.error).slice(0, 120)}
      </span>
    );
  }
  if (job.status !== 'in_progress' && job.status !== 'paused') return null;
  return (
    <>
      {job.progress !== null && (
        <Meter value={job.progress} label={`Progress of job ${job.id}`} tone="blue" />
      )}
      <span className="truncate jobs-phase" title={job.phase ?? undefined}>
        {job.phase}
        {job.progress !== null && ` ${percent(job.progress)} %`}
      </span>
    </>
  );
}
