import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Search } from 'lucide-react';
import { type ReactNode, useEffect, useId, useState } from 'react';
import { useLocation } from 'wouter';
import type { JobPage, SourceInfo } from '@/client/api';
import { EVERYTHING, type JobFilter } from '@/client/filter';
import { STATUSES } from '@/client/protocol';
import { useBoard } from '@/client/react/board';
import { moveTo, useLookBack, useMoment } from '@/client/react/moment';
import { JobId, JobSource, kindOf, shortId } from '@/parts/JobId';
import { jobPath, queuePath } from '@/parts/links';
import { setReadOnly, useReadOnly } from '@/parts/readOnly';
import { useSources } from '@/parts/sources';
import { STATUS_LOOKS, StatusBadge } from '@/parts/status';
import { Dialog } from '@/ui/Dialog';
import { setTheme, useTheme } from '@/ui/theme';

interface Choice {
  readonly id: string;
  readonly word: string;
  /** What is drawn in the place of the word. */
  readonly drawn?: ReactNode;
  readonly hint: ReactNode;
  readonly run: () => void;
}

const CHOICES_SHOWN = 14;
const JOBS_SHOWN = 8;
const TYPING_MS = 150;

/** Type to jump: to a page, a filter, a setting, or any job the server finds. */
export function CommandPalette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('');
  const [index, setIndex] = useState(0);
  /** Enter came before the jobs did: it means the first of what is found. */
  const [entered, setEntered] = useState(false);
  const list = useId();
  const commands = useCommands();
  const { jobs, searching, unseen } = useFoundJobs(text);
  const wanted = text.trim().toLowerCase();
  const meant = commands.filter(({ word }) => wanted !== '' && word.toLowerCase().startsWith(wanted));
  const others = commands.filter(
    (command) => !meant.includes(command) && command.word.toLowerCase().includes(wanted),
  );
  const choices = [...meant, ...jobs, ...others].slice(0, CHOICES_SHOWN);
  const active = Math.min(index, choices.length - 1);
  const choose = (choice: Choice | undefined) => {
    if (choice === undefined) return;
    onClose();
    choice.run();
  };
  const enter = () => {
    if (searching && active <= 0 && meant.length === 0) setEntered(true);
    else choose(choices[active]);
  };
  useEffect(() => {
    if (!entered || searching) return;
    setEntered(false);
    enter();
  });
  return (
    <Dialog title="Jump to" bare onClose={onClose}>
      <div className="palette">
        <label className="palette-box">
          <Search aria-hidden="true" />
          <span className="sr-only">Jump to</span>
          <input
            autoFocus
            role="combobox"
            aria-expanded="true"
            aria-controls={list}
            aria-activedescendant={choices[active] === undefined ? undefined : `${list}-${active}`}
            placeholder="A job’s id, kind or error; a page; a filter"
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              setIndex(0);
              setEntered(false);
            }}
            onKeyDown={(event) => {
              if (event.key === 'ArrowDown') setIndex(Math.min(active + 1, choices.length - 1));
              else if (event.key === 'ArrowUp') setIndex(Math.max(active - 1, 0));
              else if (event.key === 'Enter') enter();
              else return;
              event.preventDefault();
            }}
          />
        </label>
        <div id={list} role="listbox" aria-label="Choices" className="palette-list">
          {choices.map((choice, place) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the input above takes the keys
            <div
              key={choice.id}
              id={`${list}-${place}`}
              role="option"
              aria-selected={place === active}
              className="palette-choice"
              onClick={() => choose(choice)}
              onPointerMove={() => setIndex(place)}
            >
              <span className="palette-word">{choice.drawn ?? choice.word}</span>
              <span className="palette-hint">{choice.hint}</span>
            </div>
          ))}
          {searching && choices.length === 0 && <p className="palette-none muted">Looking …</p>}
          {!searching && unseen !== null && <p className="palette-none muted">{unseen}</p>}
          {!searching && unseen === null && choices.length === 0 && (
            <p className="palette-none muted">Nothing found.</p>
          )}
        </div>
      </div>
    </Dialog>
  );
}

/** What is looked for: anywhere, or after a source's name and a slash in that source, as a job's address writes it. */
function lookedFor(text: string, sources: readonly SourceInfo[]): JobFilter {
  const slash = text.indexOf('/');
  const source = text.slice(0, Math.max(0, slash));
  if (!sources.some(({ name }) => name === source)) return { ...EVERYTHING, q: text };
  return { ...EVERYTHING, source: [source], q: text.slice(slash + 1) };
}

interface Found {
  readonly jobs: readonly Choice[];
  readonly searching: boolean;
  /** Why there may be jobs that were not found. */
  readonly unseen: string | null;
}

/** Jobs that the server finds; those of a text before stay in sight while it is `searching`. */
function useFoundJobs(text: string): Found {
  const { api } = useBoard();
  const [, navigate] = useLocation();
  const wanted = text.trim();
  const [q, setQ] = useState('');
  const asOf = useMoment();
  const sources = useSources();
  useEffect(() => {
    const timer = setTimeout(() => setQ(wanted), TYPING_MS);
    return () => clearTimeout(timer);
  }, [wanted]);
  const { data, isPending, isPlaceholderData, error } = useQuery({
    queryKey: ['palette', q, asOf],
    queryFn: ({ signal }) => api.jobs(lookedFor(q, sources), 'newest', null, JOBS_SHOWN, { asOf, signal }),
    enabled: q !== '',
    placeholderData: keepPreviousData,
  });
  if (wanted === '') return { jobs: [], searching: false, unseen: null };
  const jobs = (data?.jobs ?? []).map((job) => ({
    id: `job ${job.source}/${job.id}`,
    word: `${shortId(job.id)} ${kindOf(job)}`,
    drawn: (
      <>
        <span className="truncate">
          <JobId id={job.id} /> {kindOf(job)}
        </span>
        <JobSource source={job.source} />
      </>
    ),
    hint: <StatusBadge status={job.status} />,
    run: () => navigate(jobPath(job)),
  }));
  const searching = q !== wanted || isPlaceholderData || (isPending && error === null);
  return { jobs, searching, unseen: error?.message ?? (data === undefined ? null : leftOut(data)) };
}

function leftOut({ jobs, failing = [], complete = true }: JobPage): string | null {
  if (failing.length > 0) return `Not looked through: ${failing.map(({ source }) => source).join(', ')}.`;
  return complete || jobs.length > 0 ? null : 'Nothing found, and not every job could be looked at.';
}

function useCommands(): readonly Choice[] {
  const [, navigate] = useLocation();
  const theme = useTheme();
  const readOnly = useReadOnly();
  const { access } = useBoard();
  const past = useMoment() !== null;
  const lookBack = useLookBack();
  const page = (word: string, path: string, key: string): Choice => ({
    id: `page ${path}`,
    word,
    hint: (
      <>
        <kbd>g</kbd> <kbd>{key}</kbd>
      </>
    ),
    run: () => navigate(path),
  });
  return [
    page('Home', '/', 'h'),
    page('Queue', '/queue', 'q'),
    page('Live', '/live', 'l'),
    page('Workers', '/workers', 'w'),
    page('Sources', '/sources', 's'),
    ...STATUSES.map((status) => ({
      id: `status ${status}`,
      word: `Show ${STATUS_LOOKS[status].word.toLowerCase()} jobs`,
      hint: 'Filter',
      run: () => navigate(queuePath({ ...EVERYTHING, status: [status] })),
    })),
    {
      id: 'past',
      word: past ? 'Return to now' : 'Look into the past',
      hint: <kbd>b</kbd>,
      run: () => (past ? moveTo(null) : lookBack()),
    },
    {
      id: 'theme',
      word: theme === 'dark' ? 'Use the light theme' : 'Use the dark theme',
      hint: <kbd>t</kbd>,
      run: () => setTheme(theme === 'dark' ? 'light' : 'dark'),
    },
    {
      id: 'read-only',
      word: readOnly ? 'Offer actions again' : 'Read-only: hide all actions',
      hint: 'Setting',
      run: () => setReadOnly(!readOnly),
    },
    ...(access.remembered()
      ? [
          {
            id: 'forget',
            word: 'Forget the token on this machine',
            hint: 'Setting',
            run: () => access.forget(),
          },
        ]
      : []),
  ];
}
