-- The seq of a job's last change; 0 where the log no longer has one.
SELECT log.version FROM (SELECT %(id)s::bigint AS id) j CROSS JOIN {version}
