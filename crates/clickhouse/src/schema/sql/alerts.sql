-- Alerts from outside, one row each; `Incident` is empty where none explains it.
CREATE OR REPLACE VIEW {db}.alerts
AS SELECT
    Fingerprint, Name, Severity, State, Start, if(toUnixTimestamp64Nano(`End`) = 0, NULL, `End`) AS `End`,
    Service, Department, Incident, Source,
    JSONExtract(Labels, 'Map(String, String)') AS Labels,
    JSONExtract(Annotations, 'Map(String, String)') AS Annotations
FROM {db}.alerts_data FINAL
