-- Whether this role may lock rows of the owner's table. A queue's functions may do what their caller may not.
SELECT has_any_column_privilege(to_regclass(%(table)s::text), 'UPDATE')
