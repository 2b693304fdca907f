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

export function LoadError({ error, retry }: { error: Error; retry: () => void }) {
  return (
    <Note tone="red" live action={<Button onClick={retry}>Try again</Button>}>
      {error.message}
    </Note>
  );
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
