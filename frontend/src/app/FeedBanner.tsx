import { type ReactNode, useEffect, useState } from 'react';
import type { ConnectionState } from '@/client/facts';
import { useBoard, useConnection } from '@/client/react/board';
import { behindBy, useAge } from '@/parts/ConnectionPill';
import { Button } from '@/ui/Button';
import { Note } from '@/ui/notices';

/** A short break is nobody's business. */
const PATIENCE_MS = 2_500;
/** So many attempts in vain, while questions are answered, are no accident. */
const STUBBORN = 3;

/** Says so when what is shown is not live, and how old it is. */
export function FeedBanner() {
  const { feed } = useBoard();
  const state = useConnection();
  const age = useAge(state);
  const down = state.phase !== 'live' && state.phase !== 'catching_up';
  const [patient, setPatient] = useState(true);
  useEffect(() => {
    setPatient(true);
    if (!down) return;
    const timer = setTimeout(() => setPatient(false), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [down]);

  if (state.denied) return null;
  const again = <Button onClick={() => feed.wake()}>Try now</Button>;
  const behind = behindBy(state);
  if (behind !== null && state.away) {
    return (
      <Banner>
        <Note tone="red" live>
          The database does not answer the server. What you see is <Counting>{behind} s</Counting> old. The
          board comes back by itself.
        </Note>
      </Banner>
    );
  }
  if (behind !== null) {
    return (
      <Banner>
        <Note tone="amber" live>
          The feed is <Counting>{behind} s</Counting> behind the database. What is missing comes by itself.
        </Note>
      </Banner>
    );
  }
  if (!down || patient) return null;
  if (state.phase === 'polling') {
    return (
      <Banner>
        <Note tone="amber" live action={again}>
          The live connection is down. The board asks for news every few seconds; what you see is{' '}
          <Counting>{age || 'fresh'}</Counting>.
          {state.attempts >= STUBBORN && ' A proxy in between may not let WebSockets through.'}
        </Note>
      </Banner>
    );
  }
  return (
    <Banner>
      <Note tone="red" live action={again}>
        {why(state)}{' '}
        {age === '' ? (
          'Nothing could be loaded yet.'
        ) : (
          <>
            What was loaded before is <Counting>{age}</Counting>.
          </>
        )}{' '}
        The board comes back by itself.
      </Note>
    </Banner>
  );
}

/** What the last question came to, as a sentence. */
function why({ phase, error }: ConnectionState): string {
  if (phase !== 'offline' || error === null) return 'The server cannot be reached.';
  return error.endsWith('.') ? error : `${error}.`;
}

/** What changes every second: a screen reader reads it with the rest, and does not say all of it again each time. */
function Counting({ children }: { children: ReactNode }) {
  return (
    <span role="timer" aria-live="off">
      {children}
    </span>
  );
}

function Banner({ children }: { children: ReactNode }) {
  return <div className="banner">{children}</div>;
}
