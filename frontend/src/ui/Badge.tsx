import type { ReactNode } from 'react';

export type Tone = 'violet' | 'amber' | 'blue' | 'brown' | 'green' | 'red' | 'grey' | 'accent';

/** A word with an icon and a colour, never colour alone. */
export function Badge({ tone, icon, children }: { tone: Tone; icon: ReactNode; children: ReactNode }) {
  return (
    <span className={`badge tone-${tone}`}>
      {icon}
      {children}
    </span>
  );
}
