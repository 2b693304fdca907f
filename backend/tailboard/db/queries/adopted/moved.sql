-- Whether another transaction has changed a job of an adopted source since a version.
SELECT EXISTS (SELECT FROM tailboard.changes c
                WHERE c.job_id = %(id)s AND c.source = %(name)s AND c.seq > %(version)s AND c.xid <> pg_current_xact_id())
