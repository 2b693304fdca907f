DROP FUNCTION tailboard.enqueue(text, jsonb, text, integer, timestamptz), tailboard.claim(text, text[], integer),
    tailboard.progress(bigint, double precision, text), tailboard.complete(bigint, jsonb),
    tailboard.fail(bigint, text, interval), tailboard.heartbeat(text, jsonb);
