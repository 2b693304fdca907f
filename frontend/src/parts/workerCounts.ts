import type { WorkerInfo } from '@/client/api';

/** How many workers stand how. Those without a heartbeat are known by their jobs alone: nobody has seen them alive. */
export function countWorkers(workers: readonly WorkerInfo[]) {
  const unknown = workers.filter(({ health }) => health === 'unknown').length;
  const lost = workers.filter(({ alive }) => !alive).length;
  return { alive: workers.length - unknown - lost, lost, unknown };
}
