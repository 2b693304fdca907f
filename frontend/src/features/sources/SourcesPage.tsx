import { useQuery } from '@tanstack/react-query';
import { CircleAlert, CircleCheck, CircleX } from 'lucide-react';
import { Link } from 'wouter';
import type { SourceInfo } from '@/client/api';
import { EVERYTHING } from '@/client/filter';
import { useBoard, usePollInterval } from '@/client/react/board';
import { queuePath } from '@/parts/links';
import { Badge } from '@/ui/Badge';
import { CopyButton } from '@/ui/CopyButton';
import { LoadError, Skeleton } from '@/ui/notices';
import { Panel } from '@/ui/Panel';
import './sources.css';

const ATTACH = 'tailboard attach orders.toml';

export function SourcesPage() {
  const { api } = useBoard();
  const { data, error, refetch } = useQuery({
    queryKey: ['sources'],
    queryFn: () => api.sources(),
    refetchInterval: Math.min(usePollInterval(), 10_000),
  });
  return (
    <div className="sources">
      <div className="page-head">
        <h1>Sources</h1>
      </div>
      {error !== null && <LoadError error={error} retry={() => void refetch()} />}
      {data === undefined && error === null && <Skeleton lines={4} height={30} />}
      <ul className="sources-list">
        {data?.sources.map((source) => (
          <Source key={source.name} source={source} />
        ))}
      </ul>
      <Panel title="Attach another table" actions={<CopyButton label="command" text={() => ATTACH} />}>
        <p className="sources-how">
          Any job table can be a source: describe its columns in a file, then run the command below. It shows
          what it will do, what it will cost per write, and how each status maps, before it does anything.
        </p>
        <pre className="sources-command">{ATTACH}</pre>
      </Panel>
    </div>
  );
}

function Health({ source }: { source: SourceInfo }) {
  const { status } = source.health;
  if (!source.attached) {
    return (
      <Badge tone="grey" icon={<CircleX aria-hidden="true" />}>
        Detached
      </Badge>
    );
  }
  if (status === 'ok' || status === 'healthy') {
    return (
      <Badge tone="green" icon={<CircleCheck aria-hidden="true" />}>
        Healthy
      </Badge>
    );
  }
  return (
    <Badge
      tone={status === 'failing' || status === 'error' ? 'red' : 'amber'}
      icon={<CircleAlert aria-hidden="true" />}
    >
      {status.replaceAll('_', ' ')}
    </Badge>
  );
}

function Source({ source }: { source: SourceInfo }) {
  const details = Object.entries(source.health).filter(
    ([name, value]) =>
      name !== 'status' && value !== undefined && value !== null && typeof value !== 'object',
  );
  return (
    <li className="panel" data-source={source.name}>
      <div className="card-head source-head">
        <h2>
          <Link href={queuePath({ ...EVERYTHING, source: [source.name] })}>{source.name}</Link>
        </h2>
        <code className="muted">{source.table}</code>
        {source.builtin && <span className="muted">built in</span>}
        <Health source={source} />
      </div>
      <dl className="facts source-facts">
        {details.map(([name, value]) => (
          <div key={name}>
            <dt>{name.replace(/_ms$/, '').replaceAll('_', ' ')}</dt>
            <dd className="num">{name.endsWith('_ms') ? `${String(value)} ms` : String(value)}</dd>
          </div>
        ))}
        <div>
          <dt>Actions</dt>
          <dd>
            {source.actions.length === 0 ? 'none: this source is only watched' : source.actions.join(', ')}
          </dd>
        </div>
      </dl>
    </li>
  );
}
