//! What of another configuration can hold while this one's stages run, and what waits for the next start.

use crate::fault::Fault;
use crate::node::Source;
use crate::settings::{ClickHouseTarget, Config};
use crate::units::show_duration;

impl Config {
    /// Keys for which `new` has other values, and which are read at start only.
    #[must_use]
    pub fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        let differ = self.receiver_differs(new).into_iter().chain(self.log_differs(new));
        let differ = differ.chain(self.store_differs(new)).chain([
            ("data_dir", self.data_dir != new.data_dir),
            ("api.endpoint", self.api != new.api),
            ("metrics.endpoint", self.metrics != new.metrics),
            ("health.endpoint", self.health != new.health),
            ("notify.alertmanagers", self.notify.alertmanagers != new.notify.alertmanagers),
            ("notify.webhooks", self.notify.webhooks != new.notify.webhooks),
        ]);
        differ.filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    fn receiver_differs(&self, new: &Self) -> Vec<(&'static str, bool)> {
        let (old, new) = (&self.receiver, &new.receiver);
        let (grpc, http) = ((&old.grpc, &new.grpc), (&old.http, &new.http));
        vec![
            ("receiver.grpc.endpoint", grpc.0.endpoint != grpc.1.endpoint),
            (
                "receiver.grpc.max_recv_msg_size_mib",
                grpc.0.max_recv_msg_size_mib != grpc.1.max_recv_msg_size_mib,
            ),
            (
                "receiver.grpc.max_concurrent_streams",
                grpc.0.max_concurrent_streams != grpc.1.max_concurrent_streams,
            ),
            ("receiver.grpc.max_connection_age", grpc.0.max_connection_age != grpc.1.max_connection_age),
            ("receiver.http.endpoint", http.0.endpoint != http.1.endpoint),
            (
                "receiver.http.max_request_body_size_mib",
                http.0.max_request_body_size_mib != http.1.max_request_body_size_mib,
            ),
            ("receiver.http.cors.allowed_origins", http.0.allowed_origins != http.1.allowed_origins),
            ("receiver.http.cors.allowed_headers", http.0.allowed_headers != http.1.allowed_headers),
            ("receiver.http.cors.max_age", http.0.cors_max_age != http.1.cors_max_age),
            ("receiver.limits.max_in_flight_mib", old.max_in_flight_bytes != new.max_in_flight_bytes),
            (
                "receiver.limits.max_in_flight_requests",
                old.max_in_flight_requests != new.max_in_flight_requests,
            ),
            ("receiver.limits.max_connections", old.max_connections != new.max_connections),
            ("receiver.limits.read_timeout", old.read_timeout != new.read_timeout),
        ]
    }

    fn log_differs(&self, new: &Self) -> Vec<(&'static str, bool)> {
        let (old, new) = (&self.log, &new.log);
        vec![
            ("log.dir", old.dir != new.dir),
            ("log.partitions", old.partitions != new.partitions),
            ("log.retention.age", old.retention_age != new.retention_age),
            ("log.retention.size_gib", old.retention_bytes != new.retention_bytes),
            ("log.reserve_gib", old.reserve_bytes != new.reserve_bytes),
        ]
    }

    fn store_differs(&self, new: &Self) -> Vec<(&'static str, bool)> {
        let (old, new) = (&self.clickhouse, &new.clickhouse);
        let (url, listen, dir) = match (&old.target, &new.target) {
            (
                ClickHouseTarget::Embedded { listen, dir },
                ClickHouseTarget::Embedded { listen: new_listen, dir: new_dir },
            ) => (false, listen != new_listen, dir != new_dir),
            (old, new) => (old != new, false, false),
        };
        vec![
            ("clickhouse.url", url),
            ("clickhouse.listen", listen),
            ("clickhouse.dir", dir),
            ("clickhouse.user", old.user != new.user),
            ("clickhouse.password", old.password != new.password),
            ("clickhouse.database", old.database != new.database),
            ("clickhouse.retention.spans", old.retention_spans != new.retention_spans),
            ("clickhouse.retention.transactions", old.retention_transactions != new.retention_transactions),
        ]
    }

    /// This configuration with everything of `new` that can change while it runs: rules, service levels and advice.
    ///
    /// # Errors
    /// A fault where what can change does not fit what cannot.
    pub fn changed_to(&self, new: Self) -> Result<Self, Fault> {
        let mut rules = new.rules;
        (rules.partitions, rules.retention) = (self.rules.partitions, self.rules.retention);
        let types = rules.transactions.types.iter().filter_map(|kind| kind.max_age);
        let longest = types.max().unwrap_or(0).max(rules.transactions.max_age);
        if rules.traces.max_age.saturating_add(longest) > rules.retention {
            return Err(Fault {
                key: "log.retention.age".to_owned(),
                value: Some(show_duration(self.log.retention_age)),
                expected: "less than traces.max_age + the longest max_age of transactions; it is changed by a restart only"
                    .to_owned(),
                source: Source::Default,
            });
        }
        let (service_levels, advice, advice_files) = (new.service_levels, new.advice, new.advice_files);
        Ok(Self { rules, service_levels, advice, advice_files, ..self.clone() })
    }
}
