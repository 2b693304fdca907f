import { Link } from 'wouter';
import { EVERYTHING } from '@/client/filter';
import { STATUSES, type Stats } from '@/client/protocol';
import { queuePath } from '@/parts/links';
import { STATUS_LOOKS } from '@/parts/status';

/** The counts by status, with a bar that shows how they share the board. */
export function Figures({ stats }: { stats: Stats | null }) {
  return (
    <section className="figures" aria-label="Jobs by status">
      <div className="figures-bar" aria-hidden="true">
        {stats !== null &&
          STATUSES.filter((status) => stats[status] > 0).map((status) => (
            <span
              key={status}
              className={`tone-${STATUS_LOOKS[status].tone}`}
              style={{ flexGrow: stats[status], flexBasis: 3 }}
            />
          ))}
      </div>
      <dl className="figures-cells">
        {STATUSES.map((status) => {
          const { word, tone, Icon } = STATUS_LOOKS[status];
          return (
            <div key={status} className={`figure tone-${tone}`}>
              <dt>
                <Icon aria-hidden="true" />
                <Link href={queuePath({ ...EVERYTHING, status: [status] })}>{word}</Link>
              </dt>
              <dd className="num" data-stat={status}>
                {stats === null ? <span className="skeleton figure-wait" /> : stats[status].toLocaleString()}
              </dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}
