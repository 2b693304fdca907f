-- One job whole: payload and result are here whatever their size.
SELECT to_jsonb(j), log.version FROM tailboard.jobs j CROSS JOIN {version} WHERE j.id = %(id)s
