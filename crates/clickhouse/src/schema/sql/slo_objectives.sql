-- Objectives of types of transactions, as the configuration has them: the latest row holds all, written at start and when they change. Latencies are nanoseconds.
CREATE TABLE IF NOT EXISTS {db}.slo_objectives
(
    Written DateTime64(9) DEFAULT now64(9),
    Types Array(String),
    Latencies Array(UInt64),
    Objectives Array(Float64)
)
ENGINE = MergeTree
ORDER BY Written
