-- A fragment: the canonical card of the row `j`, as the capture writes it, and the version it has in the log.
-- Values are weighed without reading them first: reading a large one costs more than all the rest of the row.
CASE WHEN size.payload OR size.result
     THEN to_jsonb(j) || CASE WHEN size.payload THEN jsonb_build_object('payload', NULL) ELSE '{}' END
                      || CASE WHEN size.result THEN jsonb_build_object('result', NULL) ELSE '{}' END
                      || jsonb_build_object('omitted', array_remove(ARRAY[
                             CASE WHEN size.payload THEN 'payload' END, CASE WHEN size.result THEN 'result' END], NULL))
     ELSE to_jsonb(j) END
