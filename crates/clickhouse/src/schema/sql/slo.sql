-- Service levels: for each type with an objective and each window, how many transactions that began in it were good (outcome ok, and as fast as the
-- objective's latency), of all of them, sampled or not. `ErrorBudget` is the part that may be bad, `BudgetLeft` what is left of it over the window
-- (below 0: overspent), `BurnRate` how many times faster than allowed it is spent.
CREATE OR REPLACE VIEW {db}.slo
(
    Type String,
    Window String,
    Latency UInt64,
    Objective Float64,
    Transactions UInt64,
    Good UInt64,
    Attainment Float64,
    ErrorBudget Float64,
    BudgetLeft Float64,
    BurnRate Float64
)
AS WITH
    objectives AS
    (
        SELECT Type, Latency, Objective
        FROM (SELECT Types, Latencies, Objectives FROM {db}.slo_objectives ORDER BY Written DESC LIMIT 1)
        ARRAY JOIN Types AS Type, Latencies AS Latency, Objectives AS Objective
    ),
    counted AS
    (
        SELECT
            Type,
            sumForEach(arrayMap(s -> toUInt64(Start >= now() - toIntervalSecond(s)), [3600, 21600, 259200, 2592000])) AS All,
            sumForEach(arrayMap(s -> toUInt64(Outcome = 'ok' AND Duration <= Latency AND Start >= now() - toIntervalSecond(s)), [3600, 21600, 259200, 2592000])) AS Met
        FROM
        (
            SELECT toString(Type) AS Type, Start, Duration, toString(Outcome) AS Outcome
            FROM {db}.transactions_data FINAL
            WHERE FirstStart >= now() - toIntervalDay(31)
        ) AS done
        INNER JOIN objectives USING (Type)
        GROUP BY Type
    )
SELECT
    Type,
    Window,
    Latency,
    Objective,
    Transactions,
    Good,
    if(Transactions = 0, 1, Good / Transactions) AS Attainment,
    1 - Objective AS ErrorBudget,
    1 - BurnRate AS BudgetLeft,
    multiIf(Good = Transactions, 0, Objective = 1, inf, (1 - Attainment) / (1 - Objective)) AS BurnRate
FROM
(
    SELECT objectives.Type AS Type, Latency, Objective, Window, All[N] AS Transactions, Met[N] AS Good
    FROM objectives
    LEFT JOIN counted ON counted.Type = objectives.Type
    ARRAY JOIN ['1h', '6h', '3d', '30d'] AS Window, [1, 2, 3, 4] AS N
)
