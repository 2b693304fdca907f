import { AlertTriangle, Inbox, Info } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Tone } from './Badge';
import { Button } from './Button';

export function Empty({ title, children, icon }: { title: string; children?: ReactNode; icon?: ReactNode }) {
  return (
    <div className="empty">
      {icon ?? <Inbox aria-hidden="true" />}
      <strong>{title}</strong>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

export function Note({
  tone,
  children,
  action,
  live = false,
}: {
  tone: Tone;
  children: ReactNode;
  action?: ReactNode;
  live?: boolean;
}) {
  const Icon = tone === 'red' || tone === 'amber' ? AlertTriangle : Info;
  return (
    <div className={`note tone-${tone}`} role={live ? 'status' : undefined}>
      <Icon aria-hidden="true" />
      <div>{children}</div>
      {action}
    </div>
  );
}

/** What went wrong, and a button to try again where that may help. */
export function LoadError({ error, retry }: { error: Error; retry?: (() => void) | undefined }) {
  return (
    <Note tone="red" live action={retry && <Button onClick={retry}>Try again</Button>}>
      {sentence(error.message)}
    </Note>
  );
}

/** A finding as a sentence of its own. */
export function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

const WIDTHS = [96, 88, 92, 71, 84, 63, 90, 76, 94, 68, 86, 80] as const;

export function Skeleton({ lines = 3, height = 20 }: { lines?: number; height?: number }) {
  return (
    <div aria-hidden="true">
      {WIDTHS.slice(0, lines).map((width) => (
        <span key={width} className="skeleton" style={{ height, margin: '8px 0', width: `${width}%` }} />
      ))}
    </div>
  );
}
