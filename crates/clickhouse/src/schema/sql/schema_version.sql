CREATE TABLE IF NOT EXISTS {db}.schema_version
(
    Version UInt32,
    Settings String,
    Applied DateTime64(3) DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (Applied, Version)
