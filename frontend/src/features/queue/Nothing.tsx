import { Link } from 'wouter';
import { isEverything, type JobFilter } from '@/client/filter';
import type { ListView } from '@/client/jobList';
import { jobPath } from '@/parts/links';
import { useSources } from '@/parts/sources';
import { Button } from '@/ui/Button';
import { Empty } from '@/ui/notices';
import { jobNamed } from './useQueueAddress';

/** What a list says that has no rows, and how to go on. */
export function Nothing({
  filter,
  view,
  past,
  lookFurther,
}: {
  filter: JobFilter;
  view: ListView;
  past: boolean;
  lookFurther: () => void;
}) {
  const named = jobNamed(filter.q, useSources());
  if (view.more) {
    return (
      <Empty title="Nothing found so far">
        Only a part was looked through.{' '}
        <Button disabled={view.loading} onClick={lookFurther}>
          {view.loading ? 'Looking …' : 'Look further'}
        </Button>
      </Empty>
    );
  }
  if (view.failing.length > 0) {
    return <Empty title="Nothing to show">What could be read holds nothing that matches.</Empty>;
  }
  const all = isEverything(filter);
  return (
    <Empty title={all ? (past ? 'No jobs then' : 'No jobs yet') : 'Nothing matches'}>
      {howToGoOn(all, past, view.complete)}
      {named !== null && (
        <>
          {' '}
          <Link href={jobPath(named)} className="panel-link">
            Open job {filter.q}
          </Link>
        </>
      )}
    </Empty>
  );
}

function howToGoOn(all: boolean, past: boolean, complete: boolean): string {
  if (past) return 'The log knows of none that stood so at this moment.';
  if (!complete)
    return 'Only the newest 10,000 jobs of each source were looked at: filter by queue, kind or status to look at older ones.';
  return all
    ? 'Jobs appear here the moment a row is inserted.'
    : 'Loosen the filter, or wait: what comes to match appears by itself.';
}
