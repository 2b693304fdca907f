-- The types of the columns that a view depends on, in whatever table; also those that they are made of. Where `whole`, of all
-- columns of one table.
WITH RECURSIVE made_of AS (
    SELECT a.atttypid AS type
      FROM pg_attribute a
     WHERE a.attnum > 0 AND NOT a.attisdropped
       AND (a.attrelid = %(table)s::oid AND %(whole)s
            OR EXISTS (SELECT FROM pg_rewrite r
                         JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                        WHERE r.ev_class = %(view)s::regclass AND d.refclassid = 'pg_class'::regclass
                          AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum))
    UNION
    SELECT part.type
      FROM made_of m JOIN pg_type t ON t.oid = m.type
     CROSS JOIN LATERAL (SELECT t.typelem UNION ALL SELECT t.typbasetype
                         UNION ALL SELECT g.rngsubtype FROM pg_range g WHERE t.oid IN (g.rngtypid, g.rngmultitypid)
                         UNION ALL SELECT a.atttypid FROM pg_attribute a
                                    WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS part (type)
     WHERE part.type <> 0)
SELECT format_type(m.type, NULL) FROM made_of m
