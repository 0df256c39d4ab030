-- What is or was wrong, one row an incident: the likeliest suspect in columns, all of them as arrays.
CREATE OR REPLACE VIEW {db}.incidents
AS SELECT
    Id, Version, Tenant, State, FoundBy, Detected, Start, if(toUnixTimestamp64Nano(`End`) = 0, NULL, `End`) AS `End`, Updated,
    Department, Service, Operation, Kind, Instance, Transactions, Customers, Amount, ExcessMs, Alerts, PartOf, Summary,
    JSONExtract(Document, 'incident', 'types', 'Array(String)') AS Types,
    JSONExtract(Document, 'incident', 'examples', 'Array(String)') AS Examples,
    JSONExtractArrayRaw(Document, 'incident', 'suspects') AS SuspectDocuments,
    arrayMap(s -> JSONExtractString(s, 'department'), SuspectDocuments) AS `Suspects.Department`,
    arrayMap(s -> JSONExtractString(s, 'service'), SuspectDocuments) AS `Suspects.Service`,
    arrayMap(s -> JSONExtractString(s, 'operation'), SuspectDocuments) AS `Suspects.Operation`,
    arrayMap(s -> JSONExtractString(s, 'kind'), SuspectDocuments) AS `Suspects.Kind`,
    arrayMap(s -> JSONExtractFloat(s, 'score'), SuspectDocuments) AS `Suspects.Score`,
    Document
FROM {db}.incidents_data FINAL
