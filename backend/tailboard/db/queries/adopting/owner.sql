-- Who owns the table of a source, and who asks, quoted as they must be in a GRANT; and whether the owner is a superuser.
SELECT quote_ident(o.rolname), quote_ident(current_user), o.rolsuper
  FROM tailboard.sources s JOIN pg_class c ON c.oid = s.relation JOIN pg_roles o ON o.oid = c.relowner WHERE s.name = %(name)s
