import { filterParams, type JobFilter } from '@/client/filter';

export function jobPath(job: { readonly source: string; readonly id: number | string }): string {
  return `/jobs/${encodeURIComponent(job.source)}/${encodeURIComponent(job.id)}`;
}

export function queuePath(filter: JobFilter): string {
  const params = filterParams(filter).toString();
  return params === '' ? '/queue' : `/queue?${params}`;
}
