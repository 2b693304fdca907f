-- A fragment, the last arms of a CASE: what a job's last change, `t.logged`, and its row, `t.card`, disagree about. What the
-- log left out or cut for its size says nothing. Nor does NULL where the other side has no such field: somebody has added a
-- column to the built-in table since.
WHEN NOT coalesce(t.logged -> 'omitted' ? 'payload', false) AND t.logged -> 'payload' <> t.card -> 'payload' THEN
    'the table and the last change differ in payload'
WHEN NOT coalesce(t.logged -> 'omitted' ? 'result', false) AND t.logged -> 'result' <> t.card -> 'result' THEN
    'the table and the last change differ in result'
WHEN t.logged - '{payload,result,omitted}'::text[] <> t.card - '{payload,result}'::text[] THEN
    'the table and the last change differ in ' || (
        SELECT string_agg(format('%%s (%%s, in the log %%s)', key, coalesce(left((t.card -> key)::text, 60), 'nothing'),
                                 coalesce(left((t.logged -> key)::text, 60), 'nothing')), ', ')
          FROM jsonb_object_keys((t.card || t.logged) - '{payload,result,omitted}'::text[]) key
         WHERE coalesce(t.card -> key, 'null') <> coalesce(t.logged -> key, 'null')
           AND NOT coalesce(t.logged -> 'omitted' ? key, false))
