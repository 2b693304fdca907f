-- The names of the attached sources.
SELECT s.name FROM tailboard.sources s WHERE NOT s.builtin ORDER BY s.name
