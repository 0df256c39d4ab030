-- Every transaction, all versions of it. Read it through `transactions`. The sorting key holds nothing that an amendment may change.
-- `Hop…` columns leave out trailing default values; names are in `HopName` by the order of the table's view. `HopRare` has what is seldom other than
-- usual, number k of hop n (from 0) under n * 5 + k: 0 critical network + 1, 1 queue, 2 critical queue + 1, 3 errors, 4 count + 1.
-- Parts stay compact while they are small, as those of single inserts are even at full load: with files for each column, opening and flushing them was a
-- third of an insert's CPU. Larger ones are merged column by column, for which the part made must be wide: that took 9 µs of CPU a row instead of 15.
CREATE TABLE IF NOT EXISTS {db}.transactions_data
(
    Tenant LowCardinality(String) CODEC(ZSTD(1)),
    FirstStart DateTime64(9) CODEC(ZSTD(1)),
    TransactionId String CODEC(ZSTD(1)),
    Version UInt32 CODEC(ZSTD(1)),
    Deleted UInt8 CODEC(ZSTD(1)),
    IdIsKey Bool CODEC(ZSTD(1)),
    MoreKeys Array(String) CODEC(ZSTD(1)),
    Type LowCardinality(String) CODEC(ZSTD(1)),
    Start DateTime64(9) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    Outcome LowCardinality(String) CODEC(ZSTD(1)),
    OutcomeReason String CODEC(ZSTD(1)),
    Traces Array(FixedString(16)) CODEC(ZSTD(1)),
    Spans UInt32 CODEC(ZSTD(1)),
    Errors UInt32 CODEC(ZSTD(1)),
    Services LowCardinality(String) CODEC(ZSTD(1)),
    Departments LowCardinality(String) CODEC(ZSTD(1)),
    Kept Bool CODEC(ZSTD(1)),
    KeptBy LowCardinality(String) CODEC(ZSTD(1)),
    KeepReason LowCardinality(String) CODEC(ZSTD(1)),
    Votes LowCardinality(String) CODEC(ZSTD(1)),
    Weight Float64 CODEC(ZSTD(1)),
    SpansLost UInt32 CODEC(ZSTD(1)),
    SkewCorrected UInt64 CODEC(ZSTD(1)),
    ClosedBy LowCardinality(String) CODEC(ZSTD(1)),
    AttributeKeys LowCardinality(String) CODEC(ZSTD(1)),
    AttributeValues String CODEC(ZSTD(1)),
    HopName Array(LowCardinality(String)) CODEC(ZSTD(1)),
    HopInstance Array(LowCardinality(String)) CODEC(ZSTD(1)),
    HopParent Array(Int16) CODEC(T64, ZSTD(1)),
    HopStart Array(Int64) CODEC(T64, ZSTD(1)),
    HopDuration Array(UInt64) CODEC(T64, ZSTD(1)),
    HopChildTime Array(Int64) CODEC(T64, ZSTD(1)),
    HopNetwork Array(UInt64) CODEC(T64, ZSTD(1)),
    HopCriticalCode Array(UInt64) CODEC(T64, ZSTD(1)),
    HopRare Map(UInt32, UInt64) CODEC(ZSTD(1)),
    INDEX by_start Start TYPE minmax GRANULARITY 1,
    INDEX by_type Type TYPE set(64) GRANULARITY 1,
    INDEX by_id TransactionId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_key MoreKeys TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_trace Traces TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(Version, Deleted)
PARTITION BY toDate(FirstStart, 'UTC')
ORDER BY (Tenant, FirstStart, TransactionId)
{ttl:transactions_data}
SETTINGS {dedup}, ttl_only_drop_parts = 1, min_bytes_for_wide_part = 134217728, vertical_merge_algorithm_min_rows_to_activate = 1
