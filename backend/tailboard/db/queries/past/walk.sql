-- The jobs that the log first knows of at the positions %(low)s to %(high)s, as they stood at the moment.
-- `walked`: the changes at those positions. `born`: those with which the log's knowledge of a job begins: its creation, or
-- the oldest change since its source was reset. `known`: each of these jobs by its last change at the moment.
-- A job that was deleted and created again is found by its newest creation only.
WITH walked AS MATERIALIZED (
    SELECT t.first_position + c.place AS position, c.seq, c.source, c.job_id, c.op
      FROM tailboard.ticks t
     CROSS JOIN LATERAL (
           SELECT l.seq, l.source, l.job_id, l.op, row_number() OVER (ORDER BY l.seq) - 1 AS place
             FROM tailboard.changes l
            WHERE l.xid = ANY (t.xids) AND l.seq >= lower(t.seqs) AND l.seq < upper(t.seqs) AND l.seq <@ t.seqs) c
     WHERE t.first_position > %(low)s::bigint - 500 AND t.first_position <= %(high)s
       AND t.first_position + c.place BETWEEN %(low)s AND %(high)s
       AND c.op IN ('I', 'U') AND (%(sources)s::text[] IS NULL OR c.source = ANY (%(sources)s::text[]))
       AND NOT EXISTS (SELECT FROM unnest(%(reset_sources)s::text[], %(reset_positions)s::bigint[]) AS reset (source, place)
                        WHERE reset.source = c.source AND t.first_position + c.place <= reset.place)),
born AS (
    SELECT w.* FROM walked w
     WHERE w.op = 'I' OR NOT EXISTS (
           SELECT FROM tailboard.changes l
            WHERE l.job_id = w.job_id AND l.source = w.source AND l.seq < w.seq AND {since})),
known AS (
    SELECT b.position, l.*
      FROM born b CROSS JOIN LATERAL (
           SELECT l.seq, l.source, l.job_id, l.op, l.new_status, l.due, tailboard.card(l) AS job
             FROM tailboard.changes l
            WHERE l.job_id = b.job_id AND l.source = b.source AND l.seq >= b.seq AND {holds}
            ORDER BY l.seq DESC LIMIT 1) l
     WHERE l.op <> 'D' AND {matches}
       AND (l.seq = b.seq OR NOT EXISTS (
           SELECT FROM tailboard.changes again
            WHERE again.job_id = b.job_id AND again.source = b.source AND again.seq > b.seq AND again.seq <= l.seq
              AND again.op = 'I')))
SELECT ranked.position, ranked.rank, ranked.tie, ranked.source, ranked.job_id, ranked.seq, ranked.card
  FROM (SELECT l.position, r.rank, r.tie, l.source, l.job_id, l.seq, ({card})::text AS card
          FROM known l CROSS JOIN LATERAL (SELECT {rank} AS rank, {tie} AS tie) r) ranked
 WHERE %(rank)s::bigint IS NULL OR (ranked.rank, ranked.tie) < (%(rank)s::bigint, %(tie)s::bigint)
 ORDER BY ranked.rank DESC, ranked.tie DESC LIMIT %(limit)s
