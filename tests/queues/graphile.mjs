// The real Graphile Worker: its utilities by their names, and a worker. `node graphile.mjs URL [SCHEMA]`
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { serve, signal, work } from "./lines.mjs";

const [url, schema] = process.argv.slice(2);
const logger = new Logger(() => (level, message) => {
  if (level === "error" && !message.includes("Failed task")) signal("error", { error: message });
});
const options = { connectionString: url, schema: schema ?? "graphile_worker", logger };
const utils = await makeWorkerUtils(options);
let runner = null;

const dated = (spec) => (spec.runAt ? { ...spec, runAt: new Date(spec.runAt) } : spec);
const task = (payload, helpers) => work(helpers.job.id, helpers.job.attempts, payload);

await serve(
  {
    migrate: () => utils.migrate(),
    addJob: async (task, payload, spec) => (await utils.addJob(task, payload, dated(spec))).id,
    completeJobs: async (ids) => (await utils.completeJobs(ids)).length,
    permanentlyFailJobs: async (ids, reason) => (await utils.permanentlyFailJobs(ids, reason)).length,
    rescheduleJobs: async (ids, changes) => (await utils.rescheduleJobs(ids, dated(changes))).length,
    cleanup: (tasks) => utils.cleanup({ tasks }),
    work: async () => {
      runner = await run({
        ...options,
        concurrency: 4,
        noHandleSignals: true,
        pollInterval: 200,
        taskList: { mail: task, report: task },
      });
    },
    stopWork: () => runner.stop(),
  },
  async () => {
    await runner?.stop().catch(() => {});
    await utils.release();
  },
);
