import { useInfiniteQuery } from '@tanstack/react-query';
import type { HistoryEntry } from '@/client/api';
import { useBoard } from '@/client/react/board';
import { useMoment } from '@/client/react/moment';
import type { JobName } from './useJob';

export interface History {
  /** Newest first. */
  readonly entries: readonly HistoryEntry[];
  readonly loading: boolean;
  readonly error: Error | null;
  readonly more: boolean;
  readonly loadMore: () => void;
}

const PAGE = 50;

/** The job's past, loaded anew whenever the feed says that the job changed. */
export function useHistory(name: JobName): History {
  const { api } = useBoard();
  const asOf = useMoment();
  const answer = useInfiniteQuery({
    queryKey: ['history', name.source, name.id, asOf],
    queryFn: ({ pageParam }) => api.history(name, pageParam, PAGE, asOf),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  return {
    entries: answer.data?.pages.flatMap((page) => page.events) ?? [],
    loading: answer.isPending,
    error: answer.error,
    more: answer.hasNextPage,
    loadMore: () => void answer.fetchNextPage(),
  };
}
