-- Every state of an alert. Read it through `alerts`.
CREATE TABLE IF NOT EXISTS {db}.alerts_data
(
    Fingerprint UInt64 CODEC(ZSTD(1)),
    Start DateTime64(9) CODEC(ZSTD(1)),
    Version UInt64 CODEC(ZSTD(1)),
    Name LowCardinality(String) CODEC(ZSTD(1)),
    Severity LowCardinality(String) CODEC(ZSTD(1)),
    State LowCardinality(String) CODEC(ZSTD(1)),
    `End` DateTime64(9) CODEC(ZSTD(1)),
    Service LowCardinality(String) CODEC(ZSTD(1)),
    Department LowCardinality(String) CODEC(ZSTD(1)),
    Incident String CODEC(ZSTD(1)),
    Source LowCardinality(String) CODEC(ZSTD(1)),
    Labels String CODEC(ZSTD(1)),
    Annotations String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(Version)
ORDER BY (Start, Fingerprint)
{ttl:alerts_data}
SETTINGS {dedup}
