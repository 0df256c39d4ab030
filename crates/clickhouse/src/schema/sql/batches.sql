-- Every batch written, for the audit: what was sealed under which name. A cut's entries come after its other batches were acknowledged.
CREATE TABLE IF NOT EXISTS {db}.batches
(
    Name String CODEC(ZSTD(1)),
    `Table` LowCardinality(String) CODEC(ZSTD(1)),
    Day Date CODEC(ZSTD(1)),
    Rows UInt64 CODEC(ZSTD(1)),
    Bytes UInt64 CODEC(ZSTD(1)),
    LogTime DateTime64(9) CODEC(ZSTD(1)),
    Written DateTime64(3) DEFAULT now64(3) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(LogTime, 'UTC')
ORDER BY (LogTime, Name)
{ttl:batches}
SETTINGS {dedup}, ttl_only_drop_parts = 1
