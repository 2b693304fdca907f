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
  readonly loadMore: () => Promise<void>;
}

const PAGE = 50;

/** The job's past; `useJob` sees to it that it is loaded anew when the job has changed. */
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
    loadMore: async () => {
      // The first pages may be under way, with news: neither is to put off the other.
      if (answer.isFetching && !answer.isFetchingNextPage) await answer.refetch({ cancelRefetch: false });
      await answer.fetchNextPage({ cancelRefetch: false });
    },
  };
}
