// The real pg-boss: its client's methods by their names, and a worker. `node pgboss.mjs URL [SCHEMA]`
import { PgBoss } from "pg-boss";
import { serve, signal, work } from "./lines.mjs";

const [url, schema] = process.argv.slice(2);
// Maintenance happens when a test asks for it, by `supervise`.
const boss = new PgBoss({ connectionString: url, schema: schema ?? "pgboss", supervise: false, schedule: false });
boss.on("error", (error) => signal("error", { error: String(error) }));

const methods = [
  "createQueue", "updateQueue", "send", "insert", "cancel", "resume", "retry", "deleteJob", "deleteQueue",
  "findJobs", "getQueueStats", "detectSchemaDrift", "supervise", "isInstalled", "schemaVersion", "flow",
];

await serve(
  {
    start: async () => void (await boss.start()),
    work: (name) =>
      boss.work(name, { pollingIntervalSeconds: 0.5, includeMetadata: true }, async ([job]) =>
        work(job.id, job.retryCount + 1, job.data),
      ),
    // For measurements: so many jobs, sent one by one by so many producers.
    fill: async (name, count, producers) => {
      const produce = async () => {
        for (let i = 0; i < count / producers; i++) await boss.send(name, { i });
      };
      await Promise.all(Array.from({ length: producers }, produce));
    },
    // And all of them worked on, by one worker that fetches as long as there is more.
    drain: async (name, count) => {
      let left = count;
      await new Promise((resolve, reject) => {
        const options = { batchSize: 10, burstWhenBatchFull: true, localConcurrency: 4, pollingIntervalSeconds: 0.5 };
        boss
          .work(name, options, async (jobs) => {
            left -= jobs.length;
            if (left === 0) resolve();
          })
          .catch(reject);
      });
      // Returns when the last of them have been completed.
      await boss.offWork(name, { wait: true });
    },
    stopWork: (name) => boss.offWork(name, { wait: true }),
    ...Object.fromEntries(methods.map((method) => [method, (...args) => boss[method](...args)])),
  },
  () => boss.stop({ graceful: true }),
);
