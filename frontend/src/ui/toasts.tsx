import { CheckCircle2, Info, X, XCircle } from 'lucide-react';
import { type ReactNode, useSyncExternalStore } from 'react';
import { Button } from './Button';

export interface Toast {
  readonly tone: 'green' | 'red' | 'accent';
  readonly title: ReactNode;
  readonly text?: string;
  /** A press does it, and the toast goes. */
  readonly action?: { readonly word: string; readonly run: () => void };
  /** A toast takes the place of one with the same key. */
  readonly key?: string;
}

const SHOWN_MS = 6_000;
const SHOWN_MAX = 4;

let shown: readonly (Toast & { readonly number: number })[] = [];
let count = 0;
const listeners = new Set<() => void>();

function show(next: typeof shown): void {
  shown = next;
  for (const listener of listeners) listener();
}

/** Shows a word in passing. The newest few stay; each goes by itself after a while. */
export function toast(message: Toast): void {
  const number = ++count;
  const others = shown.filter(({ key }) => key === undefined || key !== message.key);
  show([...others, { ...message, number }].slice(-SHOWN_MAX));
  setTimeout(() => dismiss(number), SHOWN_MS);
}

function dismiss(number: number): void {
  show(shown.filter((message) => message.number !== number));
}

const ICONS = { green: CheckCircle2, red: XCircle, accent: Info } as const;

export function Toasts() {
  const messages = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => shown,
  );
  return (
    <section className="toasts" aria-live="polite" aria-label="Notifications">
      {messages.map(({ number, tone, title, text, action }) => {
        const Icon = ICONS[tone];
        return (
          <div key={number} className={`toast tone-${tone}`}>
            <Icon aria-hidden="true" />
            <div>
              <strong>{title}</strong>
              {text !== undefined && <p>{text}</p>}
            </div>
            {action !== undefined && (
              <Button
                look="quiet"
                onClick={() => {
                  action.run();
                  dismiss(number);
                }}
              >
                {action.word}
              </Button>
            )}
            <Button look="quiet" icon aria-label="Dismiss" onClick={() => dismiss(number)}>
              <X aria-hidden="true" />
            </Button>
          </div>
        );
      })}
    </section>
  );
}
