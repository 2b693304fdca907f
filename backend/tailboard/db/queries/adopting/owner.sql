-- Who owns the table of a source, and who asks; quoted as they must be in a GRANT.
SELECT quote_ident(pg_get_userbyid(c.relowner)), quote_ident(current_user)
  FROM tailboard.sources s JOIN pg_class c ON c.oid = s.relation WHERE s.name = %(name)s
