// How a queue's own client is driven from a test: one JSON object a line. `{id, call, args}` comes in, `{id, value}`
// or `{id, error}` goes out; `{signal, …}` says what a worker is doing. The program ends when its input does.
import { createInterface } from "node:readline";

const held = new Map();

/** Say something nobody asked for. */
export function signal(name, facts) {
  process.stdout.write(`${JSON.stringify({ signal: name, ...facts })}\n`);
}

/** What a worker does with a job: `{ do: "succeed" | "fail" | "hold", failures }`; a held one waits for `release`. */
export async function work(id, attempt, data) {
  if (data.do === "fail" && attempt <= (data.failures ?? Infinity)) {
    throw new Error(data.error ?? "it did not work");
  }
  if (data.do === "hold") {
    const released = new Promise((resolve) => held.set(String(id), resolve));
    signal("holding", { id: String(id) });
    await released;
  }
  return { done: true };
}

/** Answer calls until the input ends, then call `close`. */
export async function serve(calls, close) {
  const all = {
    release: (id) => held.get(String(id))(),
    ...calls,
  };
  const running = [];
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, call, args } = JSON.parse(line);
    // Not awaited: a call that waits for a job must not keep out the call that ends it.
    running.push(
      (async () => all[call](...args))().then(
        (value) => process.stdout.write(`${JSON.stringify({ id, value: value ?? null })}\n`),
        (error) => process.stdout.write(`${JSON.stringify({ id, error: String(error?.stack ?? error) })}\n`),
      ),
    );
  }
  await Promise.all(running);
  await close();
}
