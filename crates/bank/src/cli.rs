//! Flags of `throughline bank`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;

use crate::fault::{Fault, parse_fault};
use crate::options::Options;

/// Sends the traces of a simulated bank to an OTLP/gRPC endpoint, by the OpenTelemetry SDK.
///
/// 18 services in 7 departments carry out transfers of five kinds. Each is two to four traces, joined by the span attribute `payment.uetr`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// OTLP/gRPC endpoint, without TLS
    #[arg(long, default_value = "http://127.0.0.1:4317", value_name = "URL")]
    pub endpoint: String,

    /// Transfers a second, as the average over the bank's day (each is about 50 spans)
    #[arg(long, default_value_t = 10.0, value_name = "N")]
    pub transfers_per_second: f64,

    /// Something that goes wrong, AFTER the start, FOR so long; may be given more than once
    ///
    /// Kinds, and where they strike unless KIND:TARGET says otherwise:
    ///   database-lock (ledger)            its writes wait for a lock
    ///   network-delay (payments/core-banking)  calls between two departments take longer on the wire, there and back
    ///   queue-backlog (clearing-connector)  messages lie before this consumer
    ///   slow-partner (clearing-connector)  the bank that it calls answers late
    ///   bad-version (fraud-check)         every second pod runs a new version: slow, failing now and then
    ///   security-scan-slow                the scan takes longer
    ///   bad-pod (payment-orchestrator)    one pod is slow
    ///   errors (accounts)                 half of the calls fail, and the transfers with them
    ///   missing-step                      half of the confirmations never come
    ///
    /// Example: --fault database-lock@30s+5m --fault bad-pod:limits@1m+2m
    #[arg(long = "fault", value_name = "KIND[:TARGET]@AFTER+FOR", value_parser = parse_fault, verbatim_doc_comment)]
    pub faults: Vec<Fault>,

    /// Stop starting transfers after so long (30s, 5m); those under way are still sent. Without it: until Ctrl-C
    #[arg(long, value_name = "D", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,

    /// Stop starting transfers after so many
    #[arg(long, value_name = "N")]
    pub transfers: Option<u64>,

    /// Same seed, same transfers, ids included; without it by chance, for a server takes what it has seen for sent again
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,

    /// Write what really happened to each transfer, as JSON lines: ids, spans, hops, times on the critical path, fault
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,

    /// How many times faster than life the day's load curve goes by (it starts at nine in the morning); 0 holds the load flat
    #[arg(long, default_value_t = 1.0, value_name = "X")]
    pub speed: f64,

    /// Pods of each service, 1 to 20
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub pods: usize,
}

impl From<Args> for Options {
    fn from(args: Args) -> Self {
        Self {
            endpoint: args.endpoint,
            seed: args.seed.unwrap_or_else(Self::seed_by_chance),
            transfers_per_second: args.transfers_per_second,
            speed: args.speed,
            pods: args.pods,
            faults: args.faults,
            duration: args.duration,
            transfers: args.transfers,
            truth: args.truth,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::FaultKind;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn flags_become_options() {
        let text = "bank --transfers-per-second 200 --fault errors@30s+5m --fault bad-pod:limits@1m+2m --duration 10m --seed 7 --pods 2";
        let options = Options::from(Command::try_parse_from(text.split(' ')).unwrap().args);
        assert_eq!(options.transfers_per_second, 200.0);
        assert_eq!(options.faults.len(), 2);
        assert_eq!(options.faults[0].kind, FaultKind::Errors);
        assert_eq!(options.duration, Some(Duration::from_secs(600)));
        assert_eq!((options.seed, options.pods), (7, 2));
    }

    #[test]
    fn two_banks_without_a_seed_send_different_transfers() {
        let seed = || Options::from(Command::try_parse_from(["bank"]).unwrap().args).seed;
        assert_ne!(seed(), seed());
    }

    #[test]
    fn help_names_every_kind_of_fault() {
        let help = <Command as clap::CommandFactory>::command().render_long_help().to_string();
        for kind in FaultKind::ALL {
            assert!(help.contains(kind.name()), "{} is missing in the help", kind.name());
        }
    }

    #[test]
    fn a_fault_that_is_none_is_refused() {
        let refused = Command::try_parse_from(["bank", "--fault", "gremlins@1s+1s"]);
        assert!(refused.is_err_and(|error| error.to_string().contains("database-lock")));
    }
}
