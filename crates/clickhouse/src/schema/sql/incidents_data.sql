-- Every version of an incident. Read it through `incidents`. `Document` has all of it; the columns are what is asked for most.
CREATE TABLE IF NOT EXISTS {db}.incidents_data
(
    Id String CODEC(ZSTD(1)),
    Version UInt64 CODEC(ZSTD(1)),
    Tenant LowCardinality(String) CODEC(ZSTD(1)),
    State LowCardinality(String) CODEC(ZSTD(1)),
    FoundBy LowCardinality(String) CODEC(ZSTD(1)),
    Detected DateTime64(9) CODEC(ZSTD(1)),
    Start DateTime64(9) CODEC(ZSTD(1)),
    `End` DateTime64(9) CODEC(ZSTD(1)),
    Updated DateTime64(9) CODEC(ZSTD(1)),
    Department LowCardinality(String) CODEC(ZSTD(1)),
    Service LowCardinality(String) CODEC(ZSTD(1)),
    Operation String CODEC(ZSTD(1)),
    Kind LowCardinality(String) CODEC(ZSTD(1)),
    Instance String CODEC(ZSTD(1)),
    Transactions UInt64 CODEC(ZSTD(1)),
    Customers UInt64 CODEC(ZSTD(1)),
    Amount Float64 CODEC(ZSTD(1)),
    ExcessMs Float64 CODEC(ZSTD(1)),
    Alerts UInt64 CODEC(ZSTD(1)),
    PartOf String CODEC(ZSTD(1)),
    Summary String CODEC(ZSTD(1)),
    Document String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(Version)
ORDER BY Id
{ttl:incidents_data}
SETTINGS {dedup}
