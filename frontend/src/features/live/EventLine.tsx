import { ChevronRight } from 'lucide-react';
import { memo } from 'react';
import { Link } from 'wouter';
import { headline } from '@/client/headline';
import type { JobEvent, Json } from '@/client/protocol';
import { brief, EVENT_LOOKS } from '@/parts/eventLooks';
import { JobId, JobSource, kindOf, shortId } from '@/parts/JobId';
import { JsonView } from '@/parts/JsonView';
import { jobPath } from '@/parts/links';
import { STATUS_LOOKS } from '@/parts/status';
import { percent } from '@/ui/Meter';
import { ClockTime } from '@/ui/time';

export const EventLine = memo(
  function EventLine({ event, open, onToggle }: { event: JobEvent; open: boolean; onToggle: () => void }) {
    const { word, tone, Icon } = EVENT_LOOKS[event.type];
    return (
      <li className={`event tone-${tone}`} data-event={event.type} data-cursor={event.cursor}>
        <div className="event-line">
          <button
            type="button"
            className="event-open"
            aria-expanded={open}
            aria-label={`${word} ${kindOf(event.job)} ${shortId(event.job.id)}: details`}
            onClick={onToggle}
          >
            <ChevronRight aria-hidden="true" />
          </button>
          <span className="event-at muted">
            <ClockTime iso={event.at} />
          </span>
          <span className="event-word">
            <Icon aria-hidden="true" />
            {word}
          </span>
          <Link href={jobPath(event.job)} className="event-job">
            <span className="truncate">
              <JobId id={event.job.id} /> {kindOf(event.job)}
            </span>
            <JobSource source={event.source} />
          </Link>
          <span className="event-what truncate muted">{what(event)}</span>
          <span className="event-cursor mono muted">{event.cursor}</span>
        </div>
        {open && <JsonView value={event as unknown as Json} label={`Event ${event.cursor}`} />}
      </li>
    );
  },
  (a, b) => a.event === b.event && a.open === b.open,
);

function what({ change, job, type }: JobEvent): string {
  if (type === 'job_failed' && job.error) return brief(headline(job.error));
  if (change.from && change.to && change.from !== change.to) {
    return `${STATUS_LOOKS[change.from].word} → ${STATUS_LOOKS[change.to].word}`;
  }
  if (job.status === 'in_progress' && job.progress !== null && type === 'job_updated') {
    return `${percent(job.progress)} % ${job.phase ?? ''}`;
  }
  return job.queue ?? '';
}
