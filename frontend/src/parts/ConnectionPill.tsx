import { CloudOff, LoaderCircle, Radio, RefreshCw, TimerReset } from 'lucide-react';
import type { ComponentType } from 'react';
import type { ConnectionPhase, ConnectionState } from '@/client/facts';
import { useBoard, useConnection } from '@/client/react/board';
import type { Tone } from '@/ui/Badge';
import { useFromNow } from '@/ui/clock';
import './connection.css';

interface Look {
  readonly word: string;
  readonly tone: Tone;
  readonly Icon: ComponentType<{ 'aria-hidden': 'true' }>;
}

const LOOKS: Readonly<Record<ConnectionPhase, Look>> = {
  connecting: { word: 'Connecting', tone: 'grey', Icon: LoaderCircle },
  catching_up: { word: 'Catching up', tone: 'blue', Icon: RefreshCw },
  live: { word: 'Live', tone: 'green', Icon: Radio },
  polling: { word: 'Polling', tone: 'amber', Icon: TimerReset },
  offline: { word: 'Offline', tone: 'red', Icon: CloudOff },
};

const BEHIND: Look = { word: 'Behind', tone: 'amber', Icon: TimerReset };
const AWAY: Look = { word: 'No database', tone: 'red', Icon: CloudOff };
/** A lag that people have to know of. */
const BEHIND_MS = 2_000;

/** By how many seconds the feed is behind the database, where that matters; null while it keeps up, or is down. */
export function behindBy({ phase, lagMs }: ConnectionState): number | null {
  return phase === 'live' && lagMs !== null && lagMs > BEHIND_MS ? Math.round(lagMs / 1000) : null;
}

/** How old what is shown may be, in words; empty while it is live. */
export function useAge(state: ConnectionState): string {
  return useFromNow(() => {
    if (state.phase === 'live' || state.freshAt === null) return '';
    // Both by the browser's own clock, whatever time it is for the server.
    const s = Math.max(0, Math.floor((Date.now() - state.freshAt) / 1000));
    if (s < 60) return `${s} s old`;
    return s < 3_600 ? `${Math.floor(s / 60)} min old` : `${Math.floor(s / 3_600)} h old`;
  });
}

/** Always in sight: what the connection is doing and how old the board is. Pressing it tries again. */
export function ConnectionPill() {
  const { feed } = useBoard();
  const state = useConnection();
  const age = useAge(state);
  const behind = behindBy(state);
  const { word, tone, Icon } = behind === null ? LOOKS[state.phase] : state.away ? AWAY : BEHIND;
  const beside = behind === null ? age : `${behind} s`;
  const lag =
    state.phase === 'live' && state.lagMs !== null && !state.away
      ? `, ${Math.round(state.lagMs)} ms behind the database`
      : '';
  return (
    <button
      type="button"
      className={`pill tone-${tone}`}
      data-phase={state.phase}
      title={`${word}${lag}${state.error === null ? '' : `: ${state.error}`}`}
      aria-label={`Connection: ${word}${age === '' ? '' : `, ${age}`}${lag}. Press to check.`}
      onClick={() => feed.wake()}
    >
      <Icon aria-hidden="true" />
      <span>{word}</span>
      {beside !== '' && <span className="pill-age num">{beside}</span>}
    </button>
  );
}
