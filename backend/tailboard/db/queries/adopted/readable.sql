-- What is on the board and how it can be read: each adopted source has a function tailboard.source_NAME, whose output
-- columns say the type that the owner's ids have.
SELECT s.name, s.builtin, s.table_name, s.definition::text,
       id.nspname, id.typname
  FROM tailboard.sources s
  LEFT JOIN pg_catalog.pg_proc p
    ON NOT s.builtin AND p.pronamespace = 'tailboard'::regnamespace AND p.pronargs = 0
   AND p.proname = ('source_' || s.name)::name
  LEFT JOIN LATERAL (SELECT n.nspname, t.typname
                       FROM unnest(p.proallargtypes, p.proargnames) AS a (type, name)
                       JOIN pg_catalog.pg_type t ON t.oid = a.type
                       JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
                      WHERE a.name = 'id') id ON true
 ORDER BY NOT s.builtin, s.name
