import { Link } from 'wouter';
import type { Job } from '@/client/protocol';
import { jobKey } from '@/client/protocol';
import { Meter } from '@/ui/Meter';
import { Ago } from '@/ui/time';
import './jobLines.css';
import { JobId, JobSource, kindOf } from './JobId';
import { useExpectedStatus } from './jobActions';
import { jobPath } from './links';
import { StatusBadge } from './status';

/** When the job last did something that matters. */
export function lastMoment(job: Job): string | null {
  return job.finished_at ?? job.started_at ?? job.scheduled_at ?? job.created_at;
}

/** A short list of jobs, as a panel shows it. */
export function JobLines({ jobs }: { jobs: readonly Job[] }) {
  const expected = useExpectedStatus();
  return (
    <ul className="job-lines">
      {jobs.map((job) => (
        <li key={jobKey(job)} className="job-line">
          <Link href={jobPath(job)} className="job-line-name">
            <span className="truncate">
              <JobId id={job.id} /> {kindOf(job)}
            </span>
            <JobSource source={job.source} />
          </Link>
          <span className="job-line-phase truncate">
            {job.status === 'in_progress' && job.progress !== null ? (
              <Meter value={job.progress} label={`Progress of job ${job.id}`} tone="blue" />
            ) : (
              <span className="muted truncate">{job.queue}</span>
            )}
          </span>
          <StatusBadge status={expected(job) ?? job.status} />
          <span className="job-line-at">
            <Ago iso={lastMoment(job)} />
          </span>
        </li>
      ))}
    </ul>
  );
}
