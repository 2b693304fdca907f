import { Check, CircleDashed, LoaderCircle, X } from 'lucide-react';
import { useState } from 'react';
import type { Tone } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Meter } from '@/ui/Meter';
import { Panel } from '@/ui/Panel';
import { Duration } from '@/ui/time';
import type { Phase } from './phases';

interface Look {
  readonly tone: Tone;
  readonly word: string;
  readonly Icon: typeof Check;
}

/** Workers name a phase's status as they like: the usual words are known, others are shown as they are. */
function look(phase: Phase): Look {
  switch (phase.status) {
    case 'completed':
    case 'done':
      return { tone: 'green', word: 'Completed', Icon: Check };
    case 'failed':
    case 'error':
      return { tone: 'red', word: 'Failed', Icon: X };
    case 'in_progress':
    case 'running':
      return { tone: 'blue', word: 'In progress', Icon: LoaderCircle };
    case 'pending':
    case null:
      return { tone: 'grey', word: 'To come', Icon: CircleDashed };
    default:
      return { tone: 'grey', word: phase.status, Icon: CircleDashed };
  }
}

/** Phases that are drawn, before somebody asks for more: they are drawn anew with every change of the job. */
const DRAWN = 300;

export function Phases({ phases }: { phases: readonly Phase[] }) {
  const [drawn, setDrawn] = useState(DRAWN);
  const others = phases.length - drawn;
  return (
    <Panel title="Phases" flush>
      <ol className="phases">
        {phases.slice(0, drawn).map((phase, index) => {
          const { tone, word, Icon } = look(phase);
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: phases are known by their place
            <li key={index} className={`phase tone-${tone}`} data-phase-status={phase.status ?? ''}>
              <Icon aria-hidden="true" />
              <span className="phase-name truncate">{phase.name}</span>
              <span className="phase-meter">
                {phase.progress !== null && (
                  <Meter value={phase.progress} label={`Progress of ${phase.name}`} tone={tone} />
                )}
              </span>
              <span className="phase-word">{word}</span>
              <span className="phase-took muted">
                {phase.startedAt !== null &&
                  (phase.finishedAt !== null ||
                    phase.status === 'in_progress' ||
                    phase.status === 'running') && <Duration from={phase.startedAt} to={phase.finishedAt} />}
              </span>
              {phase.message !== null && <span className="phase-message muted">{phase.message}</span>}
            </li>
          );
        })}
      </ol>
      {others > 0 && (
        <div className="phases-more">
          <Button onClick={() => setDrawn(drawn + DRAWN)}>
            Show more of the other {others.toLocaleString()}
          </Button>
        </div>
      )}
    </Panel>
  );
}
