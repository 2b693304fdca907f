-- A fragment: which of a row's large values stay out of its card, as `size`.
LATERAL (SELECT
    CASE WHEN pg_column_size(j.payload) <= 2048 AND pg_column_compression(j.payload) IS NULL THEN false
         WHEN pg_column_size(j.payload) > 16384 THEN true
         ELSE coalesce(octet_length(j.payload::text) > 2048, false) END AS payload,
    CASE WHEN pg_column_size(j.result) <= 2048 AND pg_column_compression(j.result) IS NULL THEN false
         WHEN pg_column_size(j.result) > 16384 THEN true
         ELSE coalesce(octet_length(j.result::text) > 2048, false) END AS result,
    pg_column_size(j.phases) > 16384 AS phases,
    coalesce(octet_length(j.error) > 16384, false) AS error,
    coalesce(octet_length(j.phase) > 16384, false) AS phase,
    pg_column_size(j.tags) > 16384 AS tags) size
