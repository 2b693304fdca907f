import {
  Ban,
  CalendarClock,
  CheckCircle2,
  CircleDashed,
  CirclePause,
  LoaderCircle,
  XCircle,
} from 'lucide-react';
import type { ComponentType } from 'react';
import type { Status } from '@/client/protocol';
import { Badge, type Tone } from '@/ui/Badge';

interface Look {
  readonly word: string;
  readonly tone: Tone;
  readonly Icon: ComponentType<{ 'aria-hidden': 'true' }>;
}

/** Each status is a word, an icon and a colour. */
export const STATUS_LOOKS: Readonly<Record<Status, Look>> = {
  scheduled: { word: 'Scheduled', tone: 'violet', Icon: CalendarClock },
  pending: { word: 'Pending', tone: 'amber', Icon: CircleDashed },
  in_progress: { word: 'In progress', tone: 'blue', Icon: LoaderCircle },
  paused: { word: 'Paused', tone: 'brown', Icon: CirclePause },
  completed: { word: 'Completed', tone: 'green', Icon: CheckCircle2 },
  failed: { word: 'Failed', tone: 'red', Icon: XCircle },
  cancelled: { word: 'Cancelled', tone: 'grey', Icon: Ban },
};

export function StatusBadge({ status }: { status: Status }) {
  const { word, tone, Icon } = STATUS_LOOKS[status];
  return (
    <Badge tone={tone} icon={<Icon aria-hidden="true" />}>
      {word}
    </Badge>
  );
}
