-- Kept spans, compact. Read them through `otel_traces`; `Attributes`, `Values`, `Events`, `Links`, `Extra` and `SourceWire` are laid out in rows/spans.
CREATE TABLE IF NOT EXISTS {db}.spans
(
    Tenant LowCardinality(String) CODEC(ZSTD(1)),
    Timestamp DateTime64(9) CODEC(ZSTD(1)),
    TransactionId String CODEC(ZSTD(3)),
    TraceId String CODEC(ZSTD(3)),
    Ids FixedString(16) CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Source LowCardinality(String) CODEC(ZSTD(1)),
    SourceWire LowCardinality(String) CODEC(ZSTD(1)),
    Attributes LowCardinality(String) CODEC(ZSTD(1)),
    Values String CODEC(ZSTD(3)),
    Duration UInt64 CODEC(T64, ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events String CODEC(ZSTD(3)),
    Links String CODEC(ZSTD(3)),
    Extra String CODEC(ZSTD(3)),
    Department LowCardinality(String) CODEC(ZSTD(1)),
    TransactionType LowCardinality(String) CODEC(ZSTD(1)),
    ChildTime UInt64 CODEC(T64, ZSTD(1)),
    CriticalCode UInt64 CODEC(T64, ZSTD(1)),
    KeptBy LowCardinality(String) CODEC(ZSTD(1)),
    Weight Float64 CODEC(ZSTD(1)),
    INDEX by_time Timestamp TYPE minmax GRANULARITY 1,
    INDEX by_trace TraceId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_transaction TransactionId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_service ServiceName TYPE set(64) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp, 'UTC')
ORDER BY (Tenant, toStartOfInterval(Timestamp, INTERVAL 5 MINUTE), TransactionId, TraceId, toUnixTimestamp64Nano(Timestamp))
{ttl:spans}
SETTINGS {dedup}, ttl_only_drop_parts = 1
