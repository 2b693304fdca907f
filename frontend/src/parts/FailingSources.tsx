import { Link } from 'wouter';
import type { Failing } from '@/client/api';
import { Note } from '@/ui/notices';

/** Says which sources a page is without, and why. */
export function FailingSources({ failing }: { failing: readonly Failing[] }) {
  if (failing.length === 0) return null;
  return (
    <Note tone="amber" live>
      {failing.map(({ source, message }) => (
        <span key={source} className="failing-source" data-failing={source}>
          <b>{source}</b> is not shown: {message}{' '}
        </span>
      ))}
      <Link href="/sources">Sources</Link>
    </Note>
  );
}
