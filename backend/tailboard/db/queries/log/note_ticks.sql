-- Remembers which table the ticks are in, so that the next leader notices a restore over the same database.
INSERT INTO tailboard.settings (key, value) VALUES ('ticks_oid', to_jsonb(%(ticks_oid)s::bigint))
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value
