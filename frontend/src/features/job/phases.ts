import type { Json } from '@/client/protocol';

export interface Phase {
  readonly name: string;
  readonly status: string | null;
  readonly progress: number | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly message: string | null;
}

/** The phases that a worker wrote, as far as they can be told: the database asks only for a list. */
export function phasesOf(value: unknown): readonly Phase[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((phase: Json): Phase[] => {
    const is = typeof phase === 'object' && phase !== null && !Array.isArray(phase) ? phase : { name: phase };
    if (!('name' in is)) return [];
    const { name, status, progress, started_at, finished_at, message } = is as {
      readonly [key: string]: Json;
    };
    return [
      {
        name: text(name) ?? '–',
        status: text(status),
        progress: typeof progress === 'number' ? progress : null,
        startedAt: text(started_at),
        finishedAt: text(finished_at),
        message: text(message),
      },
    ];
  });
}

function text(value: Json | undefined): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
