import { Link } from 'wouter';
import type { Failing } from '@/client/api';
import { Note } from '@/ui/notices';
import './failing.css';

/** Says which sources a page is without, and why. */
export function FailingSources({ failing }: { failing: readonly Failing[] }) {
  if (failing.length === 0) return null;
  return (
    <Note tone="amber" live>
      <ul className="failing">
        {failing.map(({ source, message }) => (
          <li key={source} data-failing={source}>
            <Link href="/sources">{source}</Link> is not shown: {message}
          </li>
        ))}
      </ul>
    </Note>
  );
}
