//! Alerts on their way in: Alertmanager's webhook, version 4, and a simple form. Both become alerts of labels.

use std::collections::BTreeMap;

use metrics::counter;
use serde::Deserialize;
use throughline_analysis::alerts::Alert;

use crate::{
    ApiError,
    limits::{ALERT_BYTES, ALERTS_PER_REQUEST, OWN_LABEL},
    metrics::{ALERTS_RECEIVED, ALERTS_REFUSED},
    questions::Questions,
    time,
};

/// What Alertmanager posts. Fields that are not used are not named.
#[derive(Debug, Deserialize)]
pub(crate) struct Webhook {
    /// Of the format; `4` since 2017.
    #[serde(default)]
    version: String,
    alerts: Vec<WebhookAlert>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WebhookAlert {
    #[serde(default)]
    status: String,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: String,
    #[serde(default)]
    ends_at: String,
}

/// One alert in words of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SimpleAlert {
    name: String,
    service: String,
    department: String,
    severity: String,
    summary: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    /// `firing` or `resolved`.
    status: String,
    /// RFC 3339; now where they are not given.
    starts_at: String,
    ends_at: String,
    source: String,
}

/// One, or a list.
#[derive(Debug)]
pub(crate) struct SimpleAlerts(Vec<SimpleAlert>);

impl TryFrom<serde_json::Value> for SimpleAlerts {
    type Error = ApiError;

    fn try_from(body: serde_json::Value) -> Result<Self, ApiError> {
        let list = match body {
            serde_json::Value::Array(list) => list,
            one => vec![one],
        };
        let read = |(number, alert): (usize, serde_json::Value)| {
            serde_json::from_value(alert).map_err(|fault| ApiError::Refused {
                status: axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                message: format!("alert {number}: {fault}"),
            })
        };
        (1..).zip(list).map(read).collect::<Result<_, _>>().map(Self)
    }
}

/// Webhooks of the format that is understood.
const WEBHOOK_VERSION: &str = "4";

impl Webhook {
    /// Its alerts; log time is `now`.
    pub(crate) fn alerts(self, now: u64) -> Result<Vec<Alert>, ApiError> {
        if !self.version.is_empty() && self.version != WEBHOOK_VERSION {
            return Err(ApiError::Invalid(format!(
                "the webhook's version is {}; {WEBHOOK_VERSION} is understood",
                self.version
            )));
        }
        self.alerts.into_iter().map(|alert| alert.alert(now)).collect()
    }
}

impl WebhookAlert {
    fn alert(self, now: u64) -> Result<Alert, ApiError> {
        let starts_at =
            time::parse(&self.starts_at).ok_or_else(|| not_a_time("startsAt", &self.starts_at))?;
        let ends_at = if self.status == "resolved" {
            // An end that is not known is now: Alertmanager says that it is over.
            time::parse(&self.ends_at).filter(|end| *end > 0).unwrap_or(now).min(now)
        } else {
            0
        };
        let (labels, annotations, starts_at) = (self.labels, self.annotations, starts_at.min(now));
        Ok(Alert { labels, annotations, starts_at, ends_at, source: "alertmanager".to_owned() })
    }
}

impl SimpleAlerts {
    pub(crate) fn alerts(self, now: u64) -> Result<Vec<Alert>, ApiError> {
        self.0.into_iter().map(|alert| alert.alert(now)).collect()
    }
}

impl SimpleAlert {
    fn alert(self, now: u64) -> Result<Alert, ApiError> {
        let mut labels = self.labels;
        for (name, value) in [
            ("alertname", self.name),
            ("service", self.service),
            ("department", self.department),
            ("severity", self.severity),
        ] {
            if !value.is_empty() {
                labels.insert(name.to_owned(), value);
            }
        }
        let mut annotations = self.annotations;
        if !self.summary.is_empty() {
            annotations.insert("summary".to_owned(), self.summary);
        }
        let moment = |name: &str, text: &str| match text {
            "" => Ok(None),
            text => time::parse(text).map(Some).ok_or_else(|| not_a_time(name, text)),
        };
        // What is told of has begun, whatever the clock says of who tells; what is yet to end has not ended.
        let starts_at = moment("starts_at", &self.starts_at)?.unwrap_or(now).min(now);
        let ended = moment("ends_at", &self.ends_at)?.filter(|end| *end <= now);
        let ends_at = match self.status.as_str() {
            "resolved" => ended.unwrap_or(now),
            "" | "firing" => ended.unwrap_or(0),
            other => {
                return Err(ApiError::Invalid(format!("status is `{other}`; there are firing and resolved")));
            }
        };
        let source = if self.source.is_empty() { "json".to_owned() } else { self.source };
        Ok(Alert { labels, annotations, starts_at, ends_at, source })
    }
}

fn not_a_time(name: &str, text: &str) -> ApiError {
    ApiError::Invalid(format!("{name} is `{text}`; a time as in RFC 3339 is expected"))
}

impl Questions {
    /// Takes alerts: they are durable when it returns. How many.
    ///
    /// # Errors
    /// Where they are too many or too large, this process has no analysis, or its log takes nothing.
    pub async fn take_alerts(&self, mut alerts: Vec<Alert>) -> Result<usize, ApiError> {
        let analysis = self.incidents.as_ref().ok_or(ApiError::NoAnalysis)?;
        let count = alerts.len();
        if count > ALERTS_PER_REQUEST {
            counter!(ALERTS_REFUSED, "reason" => "count").increment(count as u64);
            return Err(ApiError::Invalid(format!(
                "{count} alerts at once, at most {ALERTS_PER_REQUEST} are taken"
            )));
        }
        for alert in &mut alerts {
            if bytes(&alert.labels) + bytes(&alert.annotations) > ALERT_BYTES {
                // Words for people go first: what it is about is in its labels.
                alert.annotations.clear();
            }
            if alert.labels.is_empty() || bytes(&alert.labels) > ALERT_BYTES {
                counter!(ALERTS_REFUSED, "reason" => "labels").increment(count as u64);
                return Err(ApiError::Invalid(format!(
                    "an alert has no labels, or more than {ALERT_BYTES} bytes of them"
                )));
            }
        }
        // What was sent from here to an Alertmanager may come back from it.
        alerts.retain(|alert| !alert.labels.contains_key(OWN_LABEL));
        analysis.alerts(alerts).await?;
        counter!(ALERTS_RECEIVED).increment(count as u64);
        Ok(count)
    }
}

fn bytes(map: &BTreeMap<String, String>) -> usize {
    map.iter().map(|(name, value)| name.len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000_000_000;

    #[test]
    fn a_webhook_of_alertmanager_is_read() {
        let text = r#"{"version":"4","groupKey":"{}:{}","truncatedAlerts":0,"status":"firing","receiver":"throughline",
            "groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://am",
            "alerts":[{"status":"firing","labels":{"alertname":"HighLatency","service":"ledger"},"annotations":{"summary":"slow"},
            "startsAt":"2023-11-14T23:13:19.5+01:00","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"ab"},
            {"status":"resolved","labels":{"alertname":"Down"},"annotations":{},"startsAt":"2023-11-14T22:00:00Z","endsAt":"2023-11-14T22:13:00Z"}]}"#;
        let alerts = serde_json::from_str::<Webhook>(text).unwrap().alerts(NOW).unwrap();
        assert_eq!(
            (alerts[0].name(), alerts[0].starts_at, alerts[0].ends_at),
            ("HighLatency", 1_699_999_999_500_000_000, 0)
        );
        assert_eq!((alerts[1].name(), alerts[1].ends_at), ("Down", 1_699_999_980_000_000_000));
        let other = serde_json::from_str::<Webhook>(r#"{"version":"5","alerts":[]}"#).unwrap();
        assert!(other.alerts(NOW).unwrap_err().to_string().contains("version is 5"));
    }

    #[test]
    fn the_simple_form_is_one_alert_or_a_list() {
        let read = |text: &str| {
            SimpleAlerts::try_from(serde_json::from_str::<serde_json::Value>(text).unwrap())?.alerts(NOW)
        };
        let one = read(r#"{"name":"Disk","service":"ledger","summary":"full"}"#).unwrap();
        assert_eq!((one[0].name(), one[0].starts_at, one[0].ends_at), ("Disk", NOW, 0));
        let many = read(r#"[{"name":"Disk","status":"resolved"},{"labels":{"a":"b"}}]"#).unwrap();
        assert_eq!((many.len(), many[0].ends_at), (2, NOW));
        let ahead = read(
            r#"[{"name":"Disk","starts_at":"2999-01-01T00:00:00Z","ends_at":"2998-01-01T00:00:00Z"},
            {"name":"Disk","status":"resolved","ends_at":"2998-01-01T00:00:00Z"}]"#,
        );
        let ahead: Vec<_> = ahead.unwrap().iter().map(|alert| (alert.starts_at, alert.ends_at)).collect();
        assert_eq!(ahead, [(NOW, 0), (NOW, NOW)], "a clock that is ahead");
        assert!(read(r#"{"name":"Disk","status":"odd"}"#).is_err());
        assert!(read(r#"{"name":"Disk","starts_at":"yesterday"}"#).is_err());
        let wrong = read(r#"[{"name":"Disk"},{"name":5}]"#).unwrap_err().to_string();
        assert!(wrong.contains("alert 2") && wrong.contains("5`, expected a string"), "{wrong}");
    }
}
