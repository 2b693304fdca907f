import { useCallback, useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { EVENT_TYPES, type EventType } from '@/client/protocol';

export interface LiveAddress {
  readonly types: ReadonlySet<EventType>;
  readonly text: string;
  readonly change: (part: { readonly types?: ReadonlySet<EventType>; readonly text?: string }) => void;
}

/** What is filtered lives in the page's address, as in the Queue. */
export function useLiveAddress(): LiveAddress {
  const search = useSearch();
  const [, navigate] = useLocation();
  const { types, text } = useMemo(() => {
    const params = new URLSearchParams(search);
    const wanted = params.getAll('type');
    return {
      types: new Set(EVENT_TYPES.filter((type) => wanted.includes(type))),
      text: params.get('q') ?? '',
    };
  }, [search]);
  const change = useCallback(
    (part: { readonly types?: ReadonlySet<EventType>; readonly text?: string }) => {
      const params = new URLSearchParams();
      for (const type of part.types ?? types) params.append('type', type);
      const q = part.text ?? text;
      if (q !== '') params.set('q', q);
      // Typing would fill the history with every letter.
      navigate(`/live${params.size > 0 ? `?${params}` : ''}`, { replace: q !== text });
    },
    [types, text, navigate],
  );
  return { types, text, change };
}
