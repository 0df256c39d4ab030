-- A store of version 1 has no votes. Policy and vote in turn, with a byte 0 between.
ALTER TABLE {db}.transactions_data ADD COLUMN IF NOT EXISTS Votes LowCardinality(String) CODEC(ZSTD(1)) AFTER KeepReason
