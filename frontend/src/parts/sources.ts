import { useQuery } from '@tanstack/react-query';
import { ACTIONS, type Action, isAction, type SourceInfo } from '@/client/api';
import { useBoard, usePollInterval } from '@/client/react/board';

const KEY = ['sources'];

/** What is attached, with its health; asked again now and then, because nothing in the log says so. */
export function useSourceList() {
  const { api } = useBoard();
  return useQuery({
    queryKey: KEY,
    queryFn: () => api.sources(),
    refetchInterval: Math.min(usePollInterval(), 10_000),
  });
}

const NONE: readonly SourceInfo[] = [];

/** What is attached, as far as it is known. */
export function useSources(): readonly SourceInfo[] {
  const { api } = useBoard();
  const { data } = useQuery({ queryKey: KEY, queryFn: () => api.sources() });
  return data?.sources ?? NONE;
}

/** Whether there is more than one source, so that a job is not known by its id alone. */
export function useSeveralSources(): boolean {
  return useSources().length > 1;
}

/** What can be done to jobs of a source; nothing while that is not known. */
export function useOffered(): (source: string) => readonly Action[] {
  const sources = useSources();
  return (name) => sources.find((source) => source.name === name)?.actions.filter(isAction) ?? [];
}

/** What can be done to jobs of any of these sources; none named means all. */
export function offeredBy(sources: readonly SourceInfo[], names: readonly string[]): readonly Action[] {
  const meant = names.length === 0 ? sources : sources.filter(({ name }) => names.includes(name));
  return ACTIONS.filter((action) => meant.some(({ actions }) => actions.includes(action)));
}
