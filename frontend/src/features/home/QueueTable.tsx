import { Link } from 'wouter';
import type { StatsAnswer } from '@/client/api';
import { EVERYTHING } from '@/client/filter';
import type { Stats } from '@/client/protocol';
import { queuePath } from '@/parts/links';
import { useSeveralSources } from '@/parts/sources';
import { Empty, Skeleton } from '@/ui/notices';
import { Panel } from '@/ui/Panel';

const SHOWN = 8;
const NATURALLY = new Intl.Collator(undefined, { numeric: true });

function waiting({ pending, scheduled }: Stats): number {
  return pending + scheduled;
}

/** The queues where most goes on; those where all has ended come last. */
export function QueueTable({ counts }: { counts: StatsAnswer | null }) {
  const several = useSeveralSources();
  const busiest = [...(counts?.by_queue ?? [])]
    .sort(
      (a, b) =>
        b.stats.in_progress + waiting(b.stats) - a.stats.in_progress - waiting(a.stats) ||
        b.stats.failed - a.stats.failed ||
        b.stats.total - a.stats.total ||
        NATURALLY.compare(a.queue, b.queue),
    )
    .slice(0, SHOWN);
  const others = counts === null ? 0 : counts.queues - busiest.length;
  return (
    <Panel title="Queues" flush>
      {counts === null && (
        <div className="panel-body">
          <Skeleton lines={3} />
        </div>
      )}
      {counts?.by_queue.length === 0 && <Empty title="No queues yet" />}
      {busiest.length > 0 && (
        <table className="queues">
          <thead>
            <tr>
              <th scope="col">Queue</th>
              <th scope="col">Waiting</th>
              <th scope="col">Running</th>
              <th scope="col">Failed</th>
            </tr>
          </thead>
          <tbody>
            {busiest.map(({ source, queue, stats }) => (
              <tr key={`${source}/${queue}`}>
                <th scope="row" className="truncate">
                  {several && <span className="muted">{source} / </span>}
                  <Link
                    href={queuePath({
                      ...EVERYTHING,
                      source: several ? [source] : [],
                      queue: [queue],
                    })}
                  >
                    {queue === '' ? 'no queue' : queue}
                  </Link>
                </th>
                <td className="num">{waiting(stats).toLocaleString()}</td>
                <td className="num">{stats.in_progress.toLocaleString()}</td>
                <td className={`num ${stats.failed > 0 ? 'queues-failed' : ''}`}>
                  {stats.failed.toLocaleString()}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {others > 0 && (
        <p className="panel-body">
          <Link href="/queue" className="panel-link">
            and {others.toLocaleString()} more
          </Link>
        </p>
      )}
    </Panel>
  );
}
