-- When each trace is, for Grafana's plugin: exactly these three columns. Several rows a trace are normal; it asks for min(Start) and max(End).
CREATE TABLE IF NOT EXISTS {db}.otel_traces_trace_id_ts
(
    TraceId String CODEC(ZSTD(3)),
    Start DateTime CODEC(Delta, ZSTD(1)),
    End DateTime CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(Start, 'UTC')
ORDER BY (TraceId, Start)
{ttl:otel_traces_trace_id_ts}
SETTINGS {dedup}, ttl_only_drop_parts = 1
