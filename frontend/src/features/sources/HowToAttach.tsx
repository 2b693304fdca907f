import { CopyButton } from '@/ui/CopyButton';
import { Panel } from '@/ui/Panel';

const DEFINITION = `[sources.orders]
table = "public.order_exports"
id = "id"
queue = "region"
kind = "'export'"
error = "last_error"
created_at = "created"

[sources.orders.status]
column = "state"

[sources.orders.status.map]
new = "pending"
busy = "in_progress"
ok = "completed"
err = "failed"
`;
const ATTACH = 'tailboard attach orders.toml';
const PRESET = 'tailboard attach procrastinate';

/** How another table comes onto the board: for a known queue, and for a table of one's own. */
export function HowToAttach() {
  return (
    <Panel title="Attach another table">
      <div className="attach">
        <div className="attach-way">
          <h3>A known queue</h3>
          <p>
            Procrastinate, PgQueuer, pg-boss, Graphile Worker, River, Oban, GoodJob, Solid Queue and Que come
            with a definition.
          </p>
          <Command text={PRESET} />
        </div>
        <div className="attach-way">
          <h3>A table of your own</h3>
          <p>Say in a file what its columns mean. Only table, id and status are needed.</p>
          <Sample text={DEFINITION} />
          <Command text={ATTACH} />
        </div>
      </div>
      <p className="attach-promise muted">
        It shows first what it will do, how each status maps and what a write will cost. Workers change
        nothing; <code>tailboard detach</code> leaves no trace.
      </p>
    </Panel>
  );
}

function Command({ text }: { text: string }) {
  return (
    <div className="attach-command">
      <code>{text}</code>
      <CopyButton label="command" text={() => text} />
    </div>
  );
}

function Sample({ text }: { text: string }) {
  return (
    <div className="attach-sample">
      <pre role="region" aria-label="A definition" tabIndex={0}>
        {text}
      </pre>
      <CopyButton label="definition" text={() => text} />
    </div>
  );
}
