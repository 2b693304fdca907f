-- What the role may do, of what Tailboard needs.
SELECT current_user AS role,
       has_database_privilege(current_database(), 'CREATE') AS create_schema,
       (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'tailboard') AS owns,
       has_function_privilege('pg_control_system()', 'EXECUTE') AS identity,
       pg_has_role('pg_monitor', 'USAGE') AS monitor
