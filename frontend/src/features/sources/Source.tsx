import { CircleAlert, CircleCheck, CircleX, LoaderCircle } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { isAction, type SourceInfo } from '@/client/api';
import { EVERYTHING } from '@/client/filter';
import { ACTION_LOOKS } from '@/parts/jobActions';
import { queuePath } from '@/parts/links';
import { Badge } from '@/ui/Badge';
import { Note, sentence } from '@/ui/notices';
import { Ago, formatDuration } from '@/ui/time';
import { healthLook } from './health';

/** One source: how it is, what is wrong with it and what to do, and what it has. */
export function Source({ source }: { source: SourceInfo }) {
  const { health } = source;
  const { tone } = healthLook(health);
  const told = tone === 'green' ? null : health.detail;
  const actions = source.actions.filter(isAction).map((action) => ACTION_LOOKS[action].word);
  return (
    <li className="panel" data-source={source.name} data-health={health.status}>
      <div className="card-head source-head">
        <h2>
          <Link href={queuePath({ ...EVERYTHING, source: [source.name] })}>{source.name}</Link>
        </h2>
        <code className="muted truncate">{source.table}</code>
        <HealthBadge health={health} />
      </div>
      {told && (
        <div className="source-note">
          <Note tone={tone} live>
            {told.startsWith(source.table) ? `${told}.` : sentence(told)}{' '}
            {health.advice && <span className="source-advice">{health.advice}</span>}
          </Note>
        </div>
      )}
      <dl className="facts source-facts">
        <Fact name="Jobs">{source.rows === undefined ? '–' : source.rows.toLocaleString()}</Fact>
        <Fact name="Attached">
          {source.builtin ? 'built in' : source.attached_at ? <Ago iso={source.attached_at} /> : '–'}
        </Fact>
        <Fact name="Lag">{health.lag_ms == null ? '–' : formatDuration(health.lag_ms)}</Fact>
        <Fact name="Faults">
          {faults(health)}
          {health.last_fault_at != null && (
            <span className="muted">
              , last <Ago iso={health.last_fault_at} />
            </span>
          )}
        </Fact>
        <Fact name="Actions">{actions.length === 0 ? 'none: only watched' : actions.join(', ')}</Fact>
        {health.counted_at != null && (
          <Fact name="Rows counted">
            <Ago iso={health.counted_at} />
          </Fact>
        )}
      </dl>
      {health.last_fault != null && !told?.includes(health.last_fault) && (
        <pre className="source-fault" role="region" aria-label={`Last fault of ${source.name}`} tabIndex={0}>
          {health.last_fault}
        </pre>
      )}
    </li>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="num">{children}</dd>
    </div>
  );
}

function faults({ faults = 0 }: SourceInfo['health']): string {
  return faults === 0 ? 'none' : faults.toLocaleString();
}

function HealthBadge({ health }: { health: SourceInfo['health'] }) {
  const { word, tone } = healthLook(health);
  const Icon =
    tone === 'green' ? CircleCheck : tone === 'red' ? CircleX : tone === 'blue' ? LoaderCircle : CircleAlert;
  return (
    <Badge tone={tone} icon={<Icon aria-hidden="true" />}>
      {word}
    </Badge>
  );
}
