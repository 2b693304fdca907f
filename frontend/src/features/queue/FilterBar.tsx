import { Search, SlidersHorizontal, X } from 'lucide-react';
import {
  type ReactNode,
  type RefObject,
  useEffect,
  useEffectEvent,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { flushSync } from 'react-dom';
import { SORTS, type Sort } from '@/client/api';
import { EVERYTHING, isEverything, type JobFilter } from '@/client/filter';
import { STATUSES, type Status } from '@/client/protocol';
import { useSources } from '@/parts/sources';
import { STATUS_LOOKS } from '@/parts/status';
import { Button } from '@/ui/Button';
import { AddFilter, FACET_WORDS, OPEN_FACETS, type OpenFacet } from './AddFilter';
import type { Counted } from './useCounted';
import { TEXT_MAX } from './useQueueAddress';

const SORT_WORDS: Readonly<Record<Sort, string>> = {
  newest: 'Newest first',
  oldest: 'Oldest first',
  priority: 'Highest priority',
  started: 'Last started',
  finished: 'Last finished',
};

const OF_ONE_SOURCE = OPEN_FACETS.filter((facet) => facet !== 'source');

export function FilterBar({
  filter,
  sort,
  change,
  searchBox,
  counted,
  seen,
  children,
}: {
  filter: JobFilter;
  sort: Sort;
  change: (part: { filter?: JobFilter; sort?: Sort }) => void;
  searchBox: RefObject<HTMLInputElement | null>;
  counted: Counted;
  /** Values that the list shows, offered while typing. */
  seen: (facet: OpenFacet) => readonly string[];
  /** What else stands beside the order. */
  children?: ReactNode;
}) {
  const sources = useSources();
  const [open, setOpen] = useState(false);
  const more = useId();
  const chips = useRef<HTMLDivElement>(null);
  // On a phone the row is wider than the screen, and a filter that is on should be seen.
  useLayoutEffect(() => {
    const row = chips.current;
    const on = row?.querySelector<HTMLElement>('[aria-pressed="true"]');
    if (row && on) row.scrollLeft = on.offsetLeft - row.offsetLeft;
  }, []);
  const region = useRef<HTMLDivElement>(null);
  /** Takes away the filter of the button that was pressed, and the focus to the next one. */
  const remove = (next: JobFilter, place: number) => {
    flushSync(() => change({ filter: next }));
    const chips = region.current?.querySelectorAll<HTMLElement>('.chip-on');
    (chips?.item(Math.min(place, chips.length - 1)) ?? region.current)?.focus();
  };
  const on = OPEN_FACETS.flatMap((facet) => filter[facet].map((value) => ({ facet, value })));
  const toggle = (status: Status) => {
    const has = filter.status.includes(status);
    const next = has ? filter.status.filter((each) => each !== status) : [...filter.status, status];
    change({ filter: { ...filter, status: next } });
  };
  return (
    <div ref={region} className="filters" role="search" tabIndex={-1}>
      <div className="filters-row">
        {/* To clear what is set stands where it takes room from the search alone, and moves nothing. */}
        <div className="filters-search">
          <SearchBox
            value={filter.q}
            box={searchBox}
            onChange={(q) => change({ filter: { ...filter, q } })}
          />
          {!isEverything(filter) && (
            <Button look="quiet" className="filters-clear" onClick={() => remove(EVERYTHING, 0)}>
              <X aria-hidden="true" />
              <span>Clear filters</span>
            </Button>
          )}
        </div>
        <Button
          className="filters-toggle"
          aria-expanded={open}
          aria-controls={more}
          onClick={() => setOpen(!open)}
        >
          <SlidersHorizontal aria-hidden="true" />
          Filters
        </Button>
        <div id={more} className="filters-more" data-open={open}>
          <AddFilter
            facets={sources.length > 1 ? OPEN_FACETS : OF_ONE_SOURCE}
            seen={(facet) => [
              ...(facet === 'queue' ? counted.queues : []),
              ...(facet === 'source' ? sources.map(({ name }) => name) : []),
              ...seen(facet),
            ]}
            onAdd={(facet, value) => {
              if (!filter[facet].includes(value))
                change({ filter: { ...filter, [facet]: [...filter[facet], value] } });
            }}
          />
          {sources.length > 1 && (
            <select
              className="field"
              aria-label="Source"
              value={filter.source.length === 1 ? filter.source[0] : ''}
              onChange={(event) =>
                change({
                  filter: { ...filter, source: event.target.value === '' ? [] : [event.target.value] },
                })
              }
            >
              <option value="">
                {filter.source.length > 1 ? `${filter.source.length} sources` : 'All sources'}
              </option>
              {sources.map(({ name }) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          )}
          <select
            className="field"
            aria-label="Order"
            value={sort}
            onChange={(event) =>
              change({ sort: SORTS.find((each) => each === event.target.value) ?? 'newest' })
            }
          >
            {SORTS.map((each) => (
              <option key={each} value={each}>
                {SORT_WORDS[each]}
              </option>
            ))}
          </select>
          {children}
        </div>
      </div>
      <div className="filters-row">
        <div ref={chips} className="chips" role="group" aria-label="Status">
          {STATUSES.map((status) => {
            const { word, tone, Icon } = STATUS_LOOKS[status];
            return (
              <button
                key={status}
                type="button"
                className={`chip tone-${tone}`}
                aria-pressed={filter.status.includes(status)}
                onClick={() => toggle(status)}
              >
                <Icon aria-hidden="true" />
                {word}
                <span className="num chip-count">{counted.of?.(status).toLocaleString()}</span>
              </button>
            );
          })}
        </div>
        {on.length > 0 && (
          <div className="chips filters-on">
            {on.map(({ facet, value }, place) => (
              <button
                key={`${facet}:${value}`}
                type="button"
                className="chip chip-on"
                aria-label={`Remove filter ${FACET_WORDS[facet]} ${value || 'empty'}`}
                onClick={() =>
                  remove({ ...filter, [facet]: filter[facet].filter((each) => each !== value) }, place)
                }
              >
                <span className="muted">{FACET_WORDS[facet]}</span>{' '}
                <span className="truncate">{value || 'empty'}</span>
                <X aria-hidden="true" />
              </button>
            ))}
          </div>
        )}
      </div>
    </div>
  );
}

/** Typing waits a moment before it asks the server. */
const TYPING_MS = 250;

function SearchBox({
  value,
  box,
  onChange,
}: {
  value: string;
  box: RefObject<HTMLInputElement | null>;
  onChange: (q: string) => void;
}) {
  const [text, setText] = useState(value);
  // The space after a word is not searched for, and stays where it was typed.
  useEffect(() => setText((typed) => (typed.trim() === value ? typed : value)), [value]);
  // The page is drawn anew all the time, which is no typing.
  const search = useEffectEvent(() => onChange(text.trim()));
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(search, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, value]);
  return (
    <label className="search">
      <Search aria-hidden="true" />
      <span className="sr-only">Search jobs</span>
      <input
        ref={box}
        className="field"
        type="search"
        placeholder="Search id, kind, queue, worker, error"
        maxLength={TEXT_MAX}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </label>
  );
}
