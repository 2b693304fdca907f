import { useMoment } from '@/client/react/moment';
import { useSourceList } from '@/parts/sources';
import { LoadError, Note, Skeleton } from '@/ui/notices';
import { HowToAttach } from './HowToAttach';
import { healthLook } from './health';
import { Source } from './Source';
import './sources.css';

export function SourcesPage() {
  const { data, error, refetch } = useSourceList();
  const past = useMoment() !== null;
  const ill = data?.sources.filter(({ health }) => healthLook(health).tone !== 'green').length ?? 0;
  return (
    <div className="sources">
      <div className="page-head">
        <h1>Sources</h1>
        {data !== undefined && (
          <span className="muted num">
            {data.sources.length} attached{ill > 0 && `, ${ill} to look at`}
          </span>
        )}
      </div>
      {past && <Note tone="grey">Sources have no past: this is how they are now.</Note>}
      {error !== null && <LoadError error={error} retry={() => void refetch()} />}
      {data === undefined && error === null && <Skeleton lines={4} height={30} />}
      <ul className="sources-list">
        {data?.sources.map((source) => (
          <Source key={source.name} source={source} />
        ))}
      </ul>
      <HowToAttach />
    </div>
  );
}
