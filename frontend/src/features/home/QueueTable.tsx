import { Link } from 'wouter';
import type { StatsAnswer } from '@/client/api';
import { EVERYTHING } from '@/client/filter';
import { queuePath } from '@/parts/links';
import { useSeveralSources } from '@/parts/sources';
import { Empty, Skeleton } from '@/ui/notices';
import { Panel } from '@/ui/Panel';

const SHOWN = 8;

export function QueueTable({ queues }: { queues: StatsAnswer['by_queue'] | null }) {
  const several = useSeveralSources();
  const busiest = [...(queues ?? [])].sort((a, b) => b.stats.total - a.stats.total).slice(0, SHOWN);
  return (
    <Panel title="Queues" flush>
      {queues === null && (
        <div className="panel-body">
          <Skeleton lines={3} />
        </div>
      )}
      {queues?.length === 0 && <Empty title="No queues yet" />}
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
    </Panel>
  );
}
