-- A fragment: what the log told last of each job of a source that remembers it. A part of `verify_adopted`, and the same
-- columns as in `adopted_logged.sql`, whether the log is {complete} or not.
SELECT r.job_id, false AS gone, r.status, r.due, r.job FROM tailboard.remembered r WHERE r.source = {name}
