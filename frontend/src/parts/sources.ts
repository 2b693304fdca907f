import { queryOptions, useQuery } from '@tanstack/react-query';
import { ACTIONS, type Action, type Api, isAction, type SourceInfo } from '@/client/api';
import { useBoard, usePollInterval } from '@/client/react/board';

/** Asked again now and then, because nothing in the log says so; every row of a list wants to know, and may share. */
const FRESH_MS = 10_000;

/** The question what is attached and what may be done: one for all who ask. */
export function sourcesQuery(api: Api) {
  return queryOptions({ queryKey: ['sources'], queryFn: () => api.sources(), staleTime: FRESH_MS });
}

/** What is attached, with its health, kept up. */
export function useSourceList() {
  const { api } = useBoard();
  return useQuery({ ...sourcesQuery(api), refetchInterval: Math.min(usePollInterval(), FRESH_MS) });
}

const NONE: readonly SourceInfo[] = [];

/** What is attached, as far as it is known. */
export function useSources(): readonly SourceInfo[] {
  const { api } = useBoard();
  const { data } = useQuery(sourcesQuery(api));
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
