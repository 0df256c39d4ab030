-- Calls from one service to another, and to databases and partners (a callee without a name of its own keeps the caller's service), by the minute
-- of the callee's start. As `operation_minutes`: always sum.
-- (Not a SummingMergeTree: tried on 26.7, that leaves a bucket as it was when a merge brings it to 0.)
CREATE TABLE IF NOT EXISTS {db}.edge_minutes
(
    Tenant LowCardinality(String) CODEC(ZSTD(1)),
    Minute DateTime CODEC(Delta, ZSTD(1)),
    Type LowCardinality(String) CODEC(ZSTD(1)),
    CallerDepartment LowCardinality(String) CODEC(ZSTD(1)),
    CallerService LowCardinality(String) CODEC(ZSTD(1)),
    CalleeDepartment LowCardinality(String) CODEC(ZSTD(1)),
    CalleeService LowCardinality(String) CODEC(ZSTD(1)),
    Kind LowCardinality(String) CODEC(ZSTD(1)),
    Count SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Errors SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Duration SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Network SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Queue SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Durations SimpleAggregateFunction(sumMap, Map(Int16, Int64)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(Minute, 'UTC')
ORDER BY (Tenant, Minute, Type, CallerDepartment, CallerService, CalleeDepartment, CalleeService, Kind)
{ttl:edge_minutes}
SETTINGS {dedup}, ttl_only_drop_parts = 1
