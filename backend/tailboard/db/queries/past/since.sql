-- A fragment: whether the change `l` came after its source's last reset. What a source held before a reset is void.
NOT EXISTS (
    SELECT FROM unnest(%(reset_sources)s::text[], %(reset_seqs)s::bigint[], %(reset_ticks)s::bigint[],
                       %(reset_solids)s::bigint[], %(reset_drawns)s::bigint[])
                AS reset (source, seq, tick_id, solid, drawn)
     WHERE reset.source = l.source AND l.seq <= reset.seq AND {holds})
