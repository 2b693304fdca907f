-- A fragment: the canonical card of the row `j` of an adopted source, as the capture writes it: without large values,
-- and with the moment at which a scheduled job becomes pending by itself.
to_jsonb(j) - '{{due,native_status}}'::text[]
    || {id}
    || CASE WHEN j.due IS NOT NULL AND j.status IN ('scheduled', 'pending') THEN jsonb_build_object('due', j.due) ELSE '{{}}' END
    || CASE WHEN size.payload THEN jsonb_build_object('payload', NULL) ELSE '{{}}' END
    || CASE WHEN size.result THEN jsonb_build_object('result', NULL) ELSE '{{}}' END
    || CASE WHEN size.payload OR size.result THEN jsonb_build_object('omitted', array_remove(ARRAY[
           CASE WHEN size.payload THEN 'payload' END, CASE WHEN size.result THEN 'result' END], NULL)) ELSE '{{}}' END
