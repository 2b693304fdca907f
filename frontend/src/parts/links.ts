import { filterParams, type JobFilter } from '@/client/filter';

export function jobPath(job: { readonly source: string; readonly id: number | string }): string {
  return `/jobs/${encodeURIComponent(job.source)}/${encodeURIComponent(job.id)}`;
}

/** The job that the address of its page names. Read as it is written: a router decodes too much of it, or too little. */
export function jobInPath(path: string): { readonly source: string; readonly id: string } {
  const [, , source = '', id = ''] = path.split('/');
  return { source: decoded(source), id: decoded(id) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // typed by hand, with a percent sign that means itself
  }
}

export function queuePath(filter: JobFilter): string {
  const params = filterParams(filter).toString();
  return params === '' ? '/queue' : `/queue?${params}`;
}
