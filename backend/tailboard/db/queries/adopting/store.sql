-- What is known of an attached source. A source that is made anew has missed nothing, so its sync is left as it is.
INSERT INTO tailboard.sources AS s (name, table_name, relation, definition, columns, capture)
VALUES (%(name)s, %(table)s, %(relation)s::oid, %(definition)s::jsonb, %(columns)s::jsonb, %(capture)s)
    ON CONFLICT (name) DO UPDATE
   SET table_name = EXCLUDED.table_name, relation = EXCLUDED.relation, definition = EXCLUDED.definition,
       columns = EXCLUDED.columns, capture = EXCLUDED.capture, version = s.version + 1
