import { useQueryClient } from '@tanstack/react-query';
import {
  Activity,
  Command,
  Cpu,
  Database,
  History,
  Keyboard,
  LayoutDashboard,
  ListOrdered,
  Lock,
  Moon,
  Sun,
  Unlock,
} from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { movedTo } from '@/client/moment';
import { useBatches, usePhase, useTokenWanted } from '@/client/react/board';
import { moveTo, useLookBack, useMoment, useThen } from '@/client/react/moment';
import { Problem } from '@/client/rest';
import { ConnectionPill } from '@/parts/ConnectionPill';
import { noteOrigin } from '@/parts/cameFrom';
import { setReadOnly, useReadOnly, useReadOnlyServer } from '@/parts/readOnly';
import { useTitle } from '@/parts/title';
import { Button } from '@/ui/Button';
import { FixedNow } from '@/ui/clock';
import { MOD, useHotkeys } from '@/ui/hotkeys';
import { setTheme, useTheme } from '@/ui/theme';
import { Toasts } from '@/ui/toasts';
import { CommandPalette } from './CommandPalette';
import { FeedBanner } from './FeedBanner';
import './frame.css';
import { KeySheet } from './KeySheet';
import { TimeBar } from './TimeBar';
import { TokenWanted } from './TokenDialog';

const PAGES = [
  { path: '/', word: 'Home', Icon: LayoutDashboard, key: 'h' },
  { path: '/queue', word: 'Queue', Icon: ListOrdered, key: 'q' },
  { path: '/live', word: 'Live', Icon: Activity, key: 'l' },
  { path: '/workers', word: 'Workers', Icon: Cpu, key: 'w' },
  { path: '/sources', word: 'Sources', Icon: Database, key: 's' },
] as const;

/** `g` then a letter goes to a page; the letter has this long. */
const GO_MS = 1_200;

/** The page that an address means: capitals and a slash at the end are typed by hand, and the routes bear with them. */
function pageOf(location: string): string {
  return location.toLowerCase().replace(/(?<=.)\/$/, '');
}

/**
 * Who turns to another page goes on at its beginning, as after a load; so does who has lost the place on this one, as the
 * button that leaves the past goes with it.
 */
function useFocusOnTurn(location: string, past: boolean) {
  const main = useRef<HTMLElement>(null);
  const last = useRef({ location, past });
  useEffect(() => {
    const turned = last.current.location !== location;
    const left = last.current.past !== past && document.activeElement === document.body;
    last.current = { location, past };
    if (turned || left) main.current?.focus({ preventScroll: true });
  }, [location, past]);
  return main;
}

export function Frame({ children }: { children: ReactNode }) {
  const [location, navigate] = useLocation();
  const [palette, setPalette] = useState(false);
  const [keySheet, setKeySheet] = useState(false);
  const [going, setGoing] = useState(false);
  const theme = useTheme();
  const readOnly = useReadOnly();
  const readOnlyServer = useReadOnlyServer();
  const tokenWanted = useTokenWanted();
  const queries = useQueryClient();
  const phase = usePhase();
  const asOf = useMoment();
  const lookBack = useLookBack();
  const then = useThen(asOf);
  // Said by the time bar: of a moment that the log does not have no page can tell anything else.
  const nowhere = asOf !== null && then.error instanceof Problem && then.error.status < 500;
  const at = asOf === null || then.data?.at === undefined ? null : Date.parse(then.data.at);

  const search = useSearch();
  const main = useFocusOnTurn(location, asOf !== null);
  const here = pageOf(location);
  const word = PAGES.find(({ path }) => path === here)?.word ?? null;
  useTitle(word);
  useEffect(() => {
    if (word !== null)
      noteOrigin({ address: movedTo(search === '' ? here : `${here}?${search}`, null), word });
  }, [here, search, word]);
  useBatches(({ reset }) => {
    if (reset !== null) void queries.invalidateQueries();
  });
  useEffect(() => {
    if (phase === 'live') void queries.invalidateQueries();
  }, [phase, queries]);

  const goTo = Object.fromEntries(
    PAGES.map(({ key, path }) => [
      key,
      () => {
        setGoing(false);
        navigate(path);
      },
    ]),
  );
  useHotkeys({
    'mod+k': () => setPalette(true),
    '?': () => setKeySheet(true),
    b: () => (asOf === null ? lookBack() : moveTo(null)),
    t: () => setTheme(theme === 'dark' ? 'light' : 'dark'),
    g: () => {
      setGoing(true);
      setTimeout(() => setGoing(false), GO_MS);
    },
    ...(going && goTo),
  });

  return (
    <div className="frame">
      <a href="#main" className="skip">
        Skip to content
      </a>
      <nav className="nav" aria-label="Pages">
        <Link href="/" className="brand">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="7" className="brand-board" />
            <path d="M7 9h18v3H7zm0 6h12v3H7zm0 6h15v3H7z" className="brand-rows" />
          </svg>
          <span>Tailboard</span>
        </Link>
        <ul>
          {PAGES.map(({ path, word, Icon }) => {
            const current = path === here || (path === '/queue' && here.startsWith('/jobs/'));
            return (
              <li key={path}>
                <Link href={path} className="nav-link" aria-current={current ? 'page' : undefined}>
                  <Icon aria-hidden="true" />
                  <span>{word}</span>
                </Link>
              </li>
            );
          })}
        </ul>
        <div className="nav-foot">
          <Button look="quiet" onClick={() => setKeySheet(true)}>
            <Keyboard aria-hidden="true" />
            Keys <kbd>?</kbd>
          </Button>
        </div>
      </nav>
      <header className="top">
        <button type="button" className="jump" onClick={() => setPalette(true)}>
          <Command aria-hidden="true" />
          <span>Jump to a job or page</span>
          <kbd>{MOD} K</kbd>
        </button>
        <Button
          look="quiet"
          icon
          aria-pressed={asOf !== null}
          aria-label="The past"
          title={asOf === null ? 'Look into the past' : 'Return to now'}
          onClick={() => (asOf === null ? lookBack() : moveTo(null))}
        >
          <History aria-hidden="true" />
        </Button>
        <ConnectionPill />
        <Button
          look="quiet"
          icon
          aria-pressed={readOnly}
          aria-label="Read-only"
          disabled={readOnlyServer || asOf !== null}
          title={
            asOf !== null
              ? 'The past cannot be acted on'
              : readOnlyServer
                ? 'The server is read-only'
                : readOnly
                  ? 'Read-only: no actions are offered'
                  : 'Actions are offered'
          }
          onClick={() => setReadOnly(!readOnly)}
        >
          {readOnly ? <Lock aria-hidden="true" /> : <Unlock aria-hidden="true" />}
        </Button>
        <Button
          look="quiet"
          icon
          aria-label={theme === 'dark' ? 'Light theme' : 'Dark theme'}
          onClick={() => setTheme(theme === 'dark' ? 'light' : 'dark')}
        >
          {theme === 'dark' ? <Sun aria-hidden="true" /> : <Moon aria-hidden="true" />}
        </Button>
      </header>
      <main ref={main} id="main" className="main" tabIndex={-1} data-past={asOf !== null}>
        {tokenWanted ? (
          <TokenWanted />
        ) : (
          <>
            {asOf === null ? <FeedBanner /> : <TimeBar asOf={asOf} />}
            {!nowhere && <FixedNow value={at}>{children}</FixedNow>}
          </>
        )}
      </main>
      <Toasts />
      {palette && <CommandPalette onClose={() => setPalette(false)} />}
      {keySheet && <KeySheet onClose={() => setKeySheet(false)} />}
    </div>
  );
}
