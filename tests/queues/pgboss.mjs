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
    // As many jobs as come, one after the other, for measurements: returns when `count` have been done.
    drain: (name, count, teams) => {
      let done = 0;
      return new Promise((resolve, reject) => {
        for (let team = 0; team < teams; team++) {
          boss
            .work(name, { pollingIntervalSeconds: 0.5, batchSize: 1 }, async () => {
              done += 1;
              if (done === count) resolve();
            })
            .catch(reject);
        }
      });
    },
    stopWork: (name) => boss.offWork(name, { wait: true }),
    ...Object.fromEntries(methods.map((method) => [method, (...args) => boss[method](...args)])),
  },
  () => boss.stop({ graceful: true }),
);
