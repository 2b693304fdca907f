import { Link } from 'wouter';
import type { StatsAnswer } from '@/client/api';
import { EVERYTHING } from '@/client/filter';
import { queuePath } from '@/parts/links';
import { useSeveralSources } from '@/parts/sources';
import { Empty, Skeleton } from '@/ui/notices';
import { Panel } from '@/ui/Panel';

const SHOWN = 8;
const NATURALLY = new Intl.Collator(undefined, { numeric: true });

export function QueueTable({ counts }: { counts: StatsAnswer | null }) {
  const several = useSeveralSources();
  const busiest = [...(counts?.by_queue ?? [])]
    .sort((a, b) => b.stats.total - a.stats.total || NATURALLY.compare(a.queue, b.queue))
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
                      queue: queue === '' ? [] : [queue],
                    })}
                  >
                    {queue === '' ? 'no queue' : queue}
                  </Link>
                </th>
                <td className="num">{(stats.pending + stats.scheduled).toLocaleString()}</td>
                <td className="num">{stats.in_progress.toLocaleString()}</td>
                <td className={`num ${stats.failed > 0 ? 'queues-failed' : ''}`}>
                  {stats.failed.toLocaleString()}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {others > 0 && <p className="panel-body muted">and {others.toLocaleString()} more</p>}
    </Panel>
  );
}
