//! Flags of `throughline replay`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;

use crate::options::{ReplayOptions, Speed};

/// Sends recorded OTLP to a running server.
///
/// Reads .json, .jsonl (one ExportTraceServiceRequest a line) and .pb (length-delimited by varint), each plain, .gz or .zst. A directory means all such
/// files in it, in the order of time.
///
/// What cannot be read (a line that is no JSON, a file that breaks off or holds something else) is left out, counted, and told of on standard error; the
/// rest is sent. Exits with an error where nothing could be read.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Files or directories of recorded OTLP
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// OTLP/gRPC endpoint, without TLS
    #[arg(long, default_value = "http://127.0.0.1:4317", value_name = "URL")]
    pub endpoint: String,

    /// How many times faster than recorded, or max: as fast as the server takes it
    #[arg(long, default_value_t = Speed::Times(1.0), value_name = "N|max")]
    pub speed: Speed,

    /// Move all times so that the first span starts now
    #[arg(long)]
    pub shift_to_now: bool,

    /// Give every trace a fresh id, links included, so that the same file can be replayed again as new data; business keys in attributes stay
    #[arg(long)]
    pub new_ids: bool,

    /// Stop when a request is not taken for so long
    #[arg(long, default_value = "60s", value_name = "D", value_parser = humantime::parse_duration)]
    pub give_up_after: Duration,
}

impl From<Args> for ReplayOptions {
    fn from(args: Args) -> Self {
        Self {
            files: args.files,
            endpoint: args.endpoint,
            speed: args.speed,
            shift_to_now: args.shift_to_now,
            new_ids: args.new_ids,
            give_up_after: args.give_up_after,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn flags_become_options() {
        let text = "replay a.jsonl b --speed max --shift-to-now --new-ids";
        let options = ReplayOptions::from(Command::try_parse_from(text.split(' ')).unwrap().args);
        assert_eq!(options.files, ["a.jsonl", "b"].map(PathBuf::from));
        assert_eq!(options.speed, Speed::Max);
        assert!(options.shift_to_now && options.new_ids);
    }

    #[test]
    fn a_speed_is_a_positive_number_or_max() {
        assert_eq!("2.5".parse(), Ok(Speed::Times(2.5)));
        assert_eq!("10x".parse(), Ok(Speed::Times(10.0)));
        for wrong in ["0", "-1", "fast", "inf", "NaN", ""] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong:?}");
        }
        assert!(Command::try_parse_from(["replay"]).is_err(), "a file is required");
    }
}
