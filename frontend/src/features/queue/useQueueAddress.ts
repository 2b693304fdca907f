import { useCallback, useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { type JobName, SORTS, type Sort } from '@/client/api';
import { filterParams, type JobFilter, parseFilter } from '@/client/filter';

export interface QueueAddress {
  readonly filter: JobFilter;
  readonly sort: Sort;
  readonly change: (part: { readonly filter?: JobFilter; readonly sort?: Sort }) => void;
}

/** The server takes no longer text, in a search or for a filter. */
export const TEXT_MAX = 200;

/** Filter and order live in the page's address: a link shows what its sender saw, and "back" undoes. */
export function useQueueAddress(): QueueAddress {
  const search = useSearch();
  const [, navigate] = useLocation();
  const filter = useMemo(() => {
    const asked = parseFilter(search);
    return { ...asked, q: asked.q.slice(0, TEXT_MAX) };
  }, [search]);
  const sort = useMemo(() => {
    const wanted = new URLSearchParams(search).get('sort');
    return SORTS.find((each) => each === wanted) ?? 'newest';
  }, [search]);
  const change = useCallback(
    (part: { readonly filter?: JobFilter; readonly sort?: Sort }) => {
      const next = part.filter ?? filter;
      const params = filterParams(next);
      const order = part.sort ?? sort;
      if (order !== 'newest') params.set('sort', order);
      // Typing would fill the history with every letter.
      navigate(`/queue${params.size > 0 ? `?${params}` : ''}`, { replace: next.q !== filter.q });
    },
    [filter, sort, navigate],
  );
  return { filter, sort, change };
}

/** The job that a text names as `source/id`, where there is such a source. */
export function jobNamed(text: string, sources: readonly { readonly name: string }[]): JobName | null {
  const cut = text.indexOf('/');
  const [source, id] = [text.slice(0, cut), text.slice(cut + 1)];
  return cut > 0 && id !== '' && sources.some(({ name }) => name === source) ? { source, id } : null;
}
