-- One row for each job of an adopted source: its id, whether the log knows it, and what its table and the log disagree
-- about, or NULL. Statuses in {waiting} count as one: what time or a lock decides is not for the log to say.
SELECT coalesce(k.job_id, j.id::text) AS id, k.job_id IS NOT NULL AS is_known,
       CASE
           WHEN k.job_id IS NULL THEN CASE WHEN {remembers} THEN 'the table has it, the log does not know it' END
           WHEN k.gone AND j.id IS NOT NULL THEN 'the log says it is gone, the table has it as ' || j.status
           WHEN k.gone THEN NULL
           WHEN j.id IS NULL THEN format('the log has it as %%s, the table does not have it', k.status)
           WHEN j.status <> k.status AND NOT (j.status = ANY ({waiting}) AND k.status = ANY ({waiting})) THEN
               format('the table has it as %%s, the log as %%s', j.status, k.status)
           WHEN j.due IS DISTINCT FROM k.due THEN
               format('the table has it due at %%s, the log at %%s', coalesce(j.due::text, 'no time'), coalesce(k.due::text, 'no time'))
           WHEN k.job - '{{id,payload,result,omitted,status,due}}'::text[] <> t.card - '{{payload,result}}'::text[] THEN
               'the table and the last change differ in ' || (
                   SELECT string_agg(format('%%s (%%s, in the log %%s)', f.key, left(f.value::text, 60),
                                            left((k.job -> f.key)::text, 60)), ', ')
                     FROM jsonb_each(t.card - '{{payload,result}}'::text[]) f
                    WHERE f.value IS DISTINCT FROM k.job -> f.key)
           WHEN NOT coalesce(k.job -> 'omitted' ? 'payload', false) AND k.job -> 'payload' <> t.card -> 'payload' THEN
               'the table and the last change differ in payload'
           WHEN NOT coalesce(k.job -> 'omitted' ? 'result', false) AND k.job -> 'result' <> t.card -> 'result' THEN
               'the table and the last change differ in result'
       END AS difference
  FROM ({known}) k
  FULL JOIN {rows} j ON j.id::text = k.job_id
 CROSS JOIN LATERAL (SELECT to_jsonb(j) - '{{id,status,due,native_status}}'::text[] AS card) t
