//! The configuration: its keys, the layers that it is made of, and everything that can be wrong with it, said at once.
//!
//! [`Config::load`] lays files, environment and `--set` over the defaults ([`Sources`]), expands `${…}` in values, reads every key of the
//! table ([`KEYS`]) and checks what must hold between them; conditions, globs and policies are judged by the core, which compiles them.
//! It gives a [`Config`], or every [`Fault`] with its key, what stands there, what would be right, and the file and line that say so.
//!
//! The table is the one place of names, types, defaults and meanings: [`reference()`] prints it, unknown keys are checked against it.
//!
//! [`Config::needs_restart`] and [`Config::changed_to`] say what of another one can hold without a restart.
//!
//! [`import`] turns configurations of the OpenTelemetry Collector and of Refinery into ours, and names what has no equal.
//!
//! What it is not: it opens no port, makes no folder, and does not watch files. Scalars stay text until a key says what they are, so
//! `country: no` is the text `no`.
//!
//! Limits: one YAML document a file; a secret's file of 64 KiB; keys of list items cannot be set one by one from the environment or `--set`.

mod changes;
mod compile;
mod expand;
mod fault;
pub mod import;
mod keys;
mod kind;
mod layers;
mod load;
mod merge;
mod node;
mod packs;
mod read;
mod reader;
mod reference;
mod relations;
mod secret;
mod setting;
mod settings;
mod units;
mod unknown;
mod yaml;

pub use fault::{ConfigError, Fault};
pub use keys::{Given, KEYS, Key};
pub use kind::Kind;
pub use layers::{ENVIRONMENT_PREFIX, Sources};
pub use node::Source;
pub use reference::reference;
pub use secret::Secret;
pub use settings::{
    ClickHouseConfig, ClickHouseTarget, Config, GrpcConfig, HttpConfig, LogConfig, NotifyConfig,
    ReceiverConfig, ServiceLevel,
};
pub use units::{parse_duration, show_duration};
