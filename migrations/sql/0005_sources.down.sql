SELECT tailboard.detach(s.name) FROM tailboard.sources s WHERE NOT s.builtin;
DROP FUNCTION tailboard.detach(text), tailboard.write_captures(text), tailboard.drop_reading(text),
    tailboard.close_source(text, boolean), tailboard.capture_emptied(),
    tailboard.log_change(text, "char", text, text, text, text, timestamptz, timestamptz, jsonb, jsonb, text, text, text, text[], oid, tid, xid, boolean),
    tailboard.lighten(jsonb, boolean, boolean), tailboard.as_jsonb(json),
    tailboard.stray_status(text, text), tailboard.capture_fault(text, text, text, text, text);
DROP TABLE tailboard.remembered, tailboard.faults, tailboard.upkeep;
ALTER TABLE tailboard.sources DROP COLUMN relation, DROP COLUMN columns, DROP COLUMN capture, DROP COLUMN synced;
