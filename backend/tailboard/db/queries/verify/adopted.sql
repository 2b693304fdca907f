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
           {card_difference}
       END AS difference
  FROM ({known}) k
  FULL JOIN {rows} j ON j.id::text = k.job_id
 CROSS JOIN LATERAL (SELECT to_jsonb(j) - '{{id,status,due,native_status}}'::text[] AS card,
                            k.job - '{{id,status,due}}'::text[] AS logged) t
