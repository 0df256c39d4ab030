//! What must hold between keys.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::fault::Fault;
use crate::node::{Node, Source};
use crate::settings::{ClickHouseTarget, Config};
use crate::units::show_duration;

/// Notes every relation that does not hold.
pub(crate) fn check(config: &Config, root: &Node, faults: &mut Vec<Fault>) {
    let mut check = Check { root, faults };
    check.times(config);
    check.types(config);
    check.sizes(config);
    check.listeners(config);
    check.notified(config);
    check.store(config);
}

struct Check<'a> {
    root: &'a Node,
    faults: &'a mut Vec<Fault>,
}

impl Check<'_> {
    /// A fault of `key`, with the source of the first of `keys` that was written.
    fn fault(&mut self, keys: &[&str], value: String, expected: String) {
        let written = keys.iter().find_map(|key| self.root.at(key));
        let source = written.map_or(Source::Default, |node| node.source.clone());
        self.faults.push(Fault { key: keys[0].to_owned(), value: Some(value), expected, source });
    }

    /// `key` is at least `least`, which is made of `of`.
    fn at_least(&mut self, key: &str, value: Duration, of: &[&str], least: Duration) {
        if value < least {
            let keys: Vec<_> = std::iter::once(key).chain(of.iter().copied()).collect();
            let expected = format!("at least {} = {} is expected", of.join(" + "), show_duration(least));
            self.fault(&keys, show_duration(value), expected);
        }
    }

    fn times(&mut self, config: &Config) {
        let rules = &config.rules;
        let of = Duration::from_nanos;
        let (traces, transactions) = (&rules.traces, &rules.transactions);
        self.at_least("traces.max_age", of(traces.max_age), &["traces.quiet_time"], of(traces.quiet_time));
        self.at_least(
            "traces.max_age",
            of(traces.max_age),
            &["traces.quiet_time_without_root"],
            of(traces.quiet_time_without_root),
        );
        self.at_least(
            "transactions.max_age",
            of(transactions.max_age),
            &["transactions.quiet_time"],
            of(transactions.quiet_time),
        );
        let longest = transactions.types.iter().filter_map(|kind| kind.max_age).max().unwrap_or(0);
        let (name, longest) = if longest > transactions.max_age {
            ("transactions.types[].max_age", longest)
        } else {
            ("transactions.max_age", transactions.max_age)
        };
        let least = of(traces.max_age.saturating_add(longest));
        self.at_least("log.retention.age", config.log.retention_age, &["traces.max_age", name], least);
        let positive = [
            ("traces.quiet_time", traces.quiet_time),
            ("traces.quiet_time_without_root", traces.quiet_time_without_root),
            ("transactions.quiet_time", transactions.quiet_time),
            ("batch.max_delay", rules.batch_delay),
        ];
        for (key, value) in positive {
            if value == 0 {
                self.fault(&[key], "0s".to_owned(), "more than 0s is expected".to_owned());
            }
        }
    }

    fn types(&mut self, config: &Config) {
        let transactions = &config.rules.transactions;
        let items = self.root.at("transactions.types").map(|node| match &node.value {
            crate::node::Value::List(items) => items.as_slice(),
            _ => &[],
        });
        let mut names = BTreeMap::new();
        for (index, kind) in transactions.types.iter().enumerate() {
            let Some(node) = items.and_then(|items| items.get(index)) else { continue };
            let mut fault = |key: &str, expected: String| {
                let at = node.get(key).unwrap_or(node);
                self.faults.push(Fault::new(format!("transactions.types[{index}].{key}"), at, expected));
            };
            if let Some(first) = names.insert(kind.name.as_str(), index)
                && !kind.name.is_empty()
            {
                fault("name", format!("transactions.types[{first}] has this name already"));
            }
            let max_age = kind.max_age.unwrap_or(transactions.max_age);
            if kind.deadline.is_some() && kind.terminal.is_none() {
                fault("deadline", "a deadline is for a `terminal` step, and there is none".to_owned());
            }
            if kind.deadline.is_some_and(|deadline| deadline > max_age) {
                let most = show_duration(Duration::from_nanos(max_age));
                fault("deadline", format!("at most the type's max_age = {most} is expected"));
            }
        }
    }

    fn sizes(&mut self, config: &Config) {
        let receiver = &config.receiver;
        let largest = receiver.grpc.max_recv_msg_size_mib.max(receiver.http.max_request_body_size_mib);
        let held = receiver.max_in_flight_bytes >> 20;
        if held < 2 * largest {
            let expected = format!(
                "at least {} is expected: a compressed request of the largest size takes up to twice its size",
                2 * largest
            );
            let keys = [
                "receiver.limits.max_in_flight_mib",
                "receiver.grpc.max_recv_msg_size_mib",
                "receiver.http.max_request_body_size_mib",
            ];
            self.fault(&keys, held.to_string(), expected);
        }
    }

    fn notified(&mut self, config: &Config) {
        let lists = [
            ("notify.alertmanagers", &config.notify.alertmanagers),
            ("notify.webhooks", &config.notify.webhooks),
        ];
        for (key, list) in lists {
            for address in list.iter().filter(|address| !address.starts_with("http://")) {
                let expected =
                    "an address that begins with http:// is expected; TLS is not spoken".to_owned();
                self.fault(&[key], address.clone(), expected);
            }
        }
    }

    fn listeners(&mut self, config: &Config) {
        let mut listeners = vec![
            ("receiver.grpc.endpoint", config.receiver.grpc.endpoint),
            ("receiver.http.endpoint", config.receiver.http.endpoint),
            ("api.endpoint", config.api),
            ("metrics.endpoint", config.metrics),
            ("health.endpoint", config.health),
        ];
        if let ClickHouseTarget::Embedded { listen, .. } = config.clickhouse.target {
            if listen.port() == 0 {
                let expected = "a port of its own is expected: the server has to find it again".to_owned();
                self.fault(&["clickhouse.listen"], listen.to_string(), expected);
            }
            listeners.push(("clickhouse.listen", listen));
        }
        for (index, (key, address)) in listeners.iter().enumerate() {
            let clash = listeners[..index].iter().find(|(_, other)| clashes(*address, *other));
            if let Some((other, _)) = clash {
                self.fault(
                    &[key, other],
                    address.to_string(),
                    format!("{other} listens there already; expected is another port"),
                );
            }
        }
    }

    fn store(&mut self, config: &Config) {
        if let ClickHouseTarget::Server { url } = &config.clickhouse.target {
            let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
            if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
                let expected = "`embedded`, http://host:8123 or https://host:8443 is expected".to_owned();
                self.fault(&["clickhouse.url"], url.clone(), expected);
            }
        }
        let name = &config.clickhouse.database;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            let expected = "letters, digits and `_` are expected, a digit not first".to_owned();
            self.fault(&["clickhouse.database"], name.clone(), expected);
        }
    }
}

fn clashes(a: SocketAddr, b: SocketAddr) -> bool {
    let same_host = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && same_host
}
