DROP VIEW tailboard.events;
DROP FUNCTION tailboard.watch(), tailboard.unwatch(), tailboard.is_watched(), tailboard.was(tailboard.changes, jsonb), tailboard.transition(tailboard.changes), tailboard.due_second(timestamptz), tailboard.job_version(text, text), tailboard.read(text, integer), tailboard.resolve_cursor(text), tailboard.is_where_it_was_sealed(), tailboard.cursor(),
    tailboard.classify("char", text, text);
