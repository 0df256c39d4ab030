CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.otel_traces_trace_id_ts_mv TO {db}.otel_traces_trace_id_ts
AS SELECT TraceId, toDateTime(min(Timestamp)) AS Start, toDateTime(max(Timestamp)) AS End
FROM {db}.spans
WHERE TraceId != ''
GROUP BY TraceId
