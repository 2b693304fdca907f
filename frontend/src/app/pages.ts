/** The pages that are not in the first script. */

import { lazy } from 'react';

const job = () => import('@/features/job/JobPage');
const live = () => import('@/features/live/LivePage');
const workers = () => import('@/features/workers/WorkersPage');
const sources = () => import('@/features/sources/SourcesPage');

export const JobPage = lazy(() => job().then(({ JobPage }) => ({ default: JobPage })));
export const LivePage = lazy(() => live().then(({ LivePage }) => ({ default: LivePage })));
export const WorkersPage = lazy(() => workers().then(({ WorkersPage }) => ({ default: WorkersPage })));
export const SourcesPage = lazy(() => sources().then(({ SourcesPage }) => ({ default: SourcesPage })));

const chart = () => import('@/ui/Chart');

/** Long after what the first page asks for. */
const LATER_MS = 1_500;

/** Fetches them once the first page stands: whoever loses the server can still turn to every page. */
export function fetchPagesLater(): void {
  setTimeout(() => {
    for (const load of [job, live, workers, sources, chart]) load().catch(() => undefined); // tried again when wanted
  }, LATER_MS);
}
