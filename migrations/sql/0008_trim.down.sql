DROP FUNCTION tailboard.trim_log(interval, bigint, integer);
