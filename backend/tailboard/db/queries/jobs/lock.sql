-- One job's status, with its row locked, and then the version that nobody can move on from under us.
SELECT status FROM tailboard.jobs WHERE id = %(id)s FOR UPDATE
