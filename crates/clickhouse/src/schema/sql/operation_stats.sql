-- `operation_minutes` summed up, with percentiles read from the histogram (nanoseconds, within 4.5 %).
CREATE OR REPLACE VIEW {db}.operation_stats
AS SELECT
    Tenant, Minute, Type, Department, Service, Operation, Version,
    Count, Errors, Duration, Self, Critical,
    arrayMap(q -> if(Buckets[greatest(1, arrayFirstIndex(c -> c >= q * Total, Cumulated))] < 0, 0,
        exp2((Buckets[greatest(1, arrayFirstIndex(c -> c >= q * Total, Cumulated))] + 0.5) / 8)), [0.5, 0.95, 0.99]) AS Percentiles,
    Percentiles[1] AS P50, Percentiles[2] AS P95, Percentiles[3] AS P99
FROM
(
    SELECT
        Tenant, Minute, Type, Department, Service, Operation, Version,
        sum(m.Count) AS Count, sum(m.Errors) AS Errors, sum(m.Duration) AS Duration, sum(m.Self) AS Self, sum(m.Critical) AS Critical,
        mapSort(sumMap(m.Durations)) AS Histogram,
        mapKeys(Histogram) AS Buckets,
        arrayCumSum(mapValues(Histogram)) AS Cumulated,
        if(empty(Cumulated), 0, Cumulated[-1]) AS Total
    FROM {db}.operation_minutes AS m
    GROUP BY Tenant, Minute, Type, Department, Service, Operation, Version
    HAVING Count != 0
)
