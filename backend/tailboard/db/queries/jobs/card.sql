-- A fragment: the canonical card of the row `j`, as the capture writes it, and the version it has in the log.
-- Values are weighed without reading them first: reading a large one costs more than all the rest of the row.
CASE WHEN size.payload OR size.result OR size.phases OR size.error OR size.phase OR size.tags
     THEN to_jsonb(j) || CASE WHEN size.payload THEN jsonb_build_object('payload', NULL) ELSE '{}' END
                      || CASE WHEN size.result THEN jsonb_build_object('result', NULL) ELSE '{}' END
                      || CASE WHEN size.phases THEN '{"phases": []}'::jsonb ELSE '{}' END
                      || CASE WHEN size.error THEN jsonb_build_object('error', left(j.error, 16384)) ELSE '{}' END
                      || CASE WHEN size.phase THEN jsonb_build_object('phase', left(j.phase, 16384)) ELSE '{}' END
                      || CASE WHEN size.tags THEN '{"tags": []}'::jsonb ELSE '{}' END
                      || jsonb_build_object('omitted', array_remove(ARRAY[
                             CASE WHEN size.payload THEN 'payload' END, CASE WHEN size.result THEN 'result' END,
                             CASE WHEN size.phases THEN 'phases' END, CASE WHEN size.error THEN 'error' END,
                             CASE WHEN size.phase THEN 'phase' END, CASE WHEN size.tags THEN 'tags' END], NULL))
     ELSE to_jsonb(j) END
