"""Everything that speaks SQL. A database row becomes a type here and nowhere else; psycopg errors stop here."""
