-- A fragment, the last arms of a CASE: what a job's last change, `t.logged`, and its row, `t.card`, disagree about. What the
-- log left out or cut for its size says nothing.
WHEN t.logged - '{payload,result,omitted}'::text[] - ARRAY(SELECT jsonb_array_elements_text(t.logged -> 'omitted'))
     <> t.card - '{payload,result}'::text[] - ARRAY(SELECT jsonb_array_elements_text(t.logged -> 'omitted')) THEN
    'the table and the last change differ in ' || (
        SELECT string_agg(format('%%s (%%s, in the log %%s)', key, coalesce(left((t.card -> key)::text, 60), 'nothing'),
                                 coalesce(left((t.logged -> key)::text, 60), 'nothing')), ', ')
          FROM jsonb_object_keys((t.card || t.logged) - '{payload,result,omitted}'::text[]) key
         WHERE t.card -> key IS DISTINCT FROM t.logged -> key AND NOT coalesce(t.logged -> 'omitted' ? key, false))
WHEN NOT coalesce(t.logged -> 'omitted' ? 'payload', false) AND t.logged -> 'payload' <> t.card -> 'payload' THEN
    'the table and the last change differ in payload'
WHEN NOT coalesce(t.logged -> 'omitted' ? 'result', false) AND t.logged -> 'result' <> t.card -> 'result' THEN
    'the table and the last change differ in result'
