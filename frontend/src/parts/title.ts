import { useEffect } from 'react';
import { useMoment } from '@/client/react/moment';

/** What the browser's tabs and history call the page; null leaves it to another part of the page. */
export function useTitle(name: string | null): void {
  const past = useMoment() !== null;
  useEffect(() => {
    if (name !== null) document.title = `${name}${past ? ' in the past' : ''} · Tailboard`;
  }, [name, past]);
}
