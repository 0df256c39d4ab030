//! One open trace: what is known of it beside its spans.

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use throughline_otlp::TraceId;

use super::{key::OpenKey, store::Chain};
use crate::rules::TraceSettings;

/// Business keys that one trace can have; more are counted and left out.
pub const MAX_KEYS: usize = 16;

/// Links that one trace can have; more are counted and left out.
pub const MAX_LINKS: usize = 1024;

/// Spans up to which a resend is looked for one by one; above, a set of ids is kept.
pub(super) const SCAN_SPANS: u32 = 64;

/// Subtracted from the first span's start, nanoseconds (19 hours), so that spans that started before it still have an offset.
pub(super) const BASE_MARGIN: u64 = 1 << 46;

/// A span's identity within its trace: Zipkin-style clients and servers share an id, so the kind belongs to it.
pub(super) type Identity = (u64, u8);

pub(super) type Identities = HashSet<Identity, FixedState>;

/// What a span has that few have.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Side {
    /// Place in `transactions.keys` and value, sorted, each once.
    pub(super) keys: Vec<(u32, Box<str>)>,
    pub(super) attributes: Vec<Captured>,
    pub(super) links: Vec<Linked>,
    pub(super) sampled: Option<SampledBy>,
    /// Start and duration of spans whose times did not fit, by their number in the chain.
    pub(super) wide: Vec<(u32, u64, u64)>,
    /// Identities seen, once there are many or the trace had been closed before.
    #[serde(with = "identities")]
    pub(super) seen: Option<Box<Identities>>,
}

/// An attribute kept for the transaction: that of the span that started first, so that the order of arrival does not matter.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Captured {
    pub(super) index: u32,
    pub(super) start: u64,
    pub(super) span: u64,
    pub(super) value: Box<str>,
}

/// Stands for the type of an error among the indices of attributes: it is kept whatever rules ask for.
pub(super) const ERROR_TYPE: u32 = u32::MAX;

/// What the trace state of a span says of sampling: that of the span that started first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SampledBy {
    pub(super) start: u64,
    pub(super) span: u64,
    /// The member `ot`.
    pub(super) says: Box<str>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Linked {
    /// Number in the chain of the span that has it.
    pub(super) span: u32,
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Trace {
    pub(super) id: TraceIdBytes,
    pub(super) tenant: u32,
    pub(super) generation: u32,
    pub(super) chain: Chain,
    /// Unix nanoseconds that spans' starts count from.
    pub(super) base: u64,
    /// Log time of its first and last span.
    pub(super) opened: u64,
    pub(super) last: u64,
    /// The moment at which a timer will look at it.
    pub(super) timer: u64,
    pub(super) matches: u64,
    /// Bytes of its spans' messages.
    pub(super) bytes: u64,
    /// Positions of the records that hold its spans.
    pub(super) records: SmallVec<[u64; 2]>,
    pub(super) duplicates: u32,
    pub(super) clamped: u32,
    pub(super) root: bool,
    /// It had been closed before: these are late spans.
    pub(super) late: bool,
    /// It was open when the rules changed.
    pub(super) mixed: bool,
    pub(super) side: Option<Box<Side>>,
}

/// A trace id that serde knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TraceIdBytes(pub(super) [u8; 16]);

impl From<TraceIdBytes> for TraceId {
    fn from(id: TraceIdBytes) -> Self {
        TraceId(id.0)
    }
}

impl Trace {
    /// What it is found by while it is open.
    pub(super) fn key(&self) -> OpenKey {
        OpenKey { id: self.id.into(), tenant: self.tenant }
    }

    /// Log time at which it closes if nothing more comes.
    pub(super) fn deadline(&self, settings: &TraceSettings) -> u64 {
        let quiet =
            if self.root || self.late { settings.quiet_time } else { settings.quiet_time_without_root };
        (self.last + quiet).min(self.opened + settings.max_age)
    }

    pub(super) fn side(&mut self) -> &mut Side {
        self.side.get_or_insert_default()
    }
}

impl Side {
    pub(super) fn add_key(&mut self, place: u32, value: &str) -> bool {
        let key = (place, Box::from(value));
        match self.keys.binary_search(&key) {
            Ok(_) => true,
            Err(_) if self.keys.len() >= MAX_KEYS => false,
            Err(at) => {
                self.keys.insert(at, key);
                true
            }
        }
    }

    pub(super) fn add_attribute(&mut self, index: u32, start: u64, span: u64, value: &str) {
        match self.attributes.iter_mut().find(|known| known.index == index) {
            Some(known) if (start, span) < (known.start, known.span) => {
                *known = Captured { index, start, span, value: value.into() };
            }
            Some(_) => {}
            None => self.attributes.push(Captured { index, start, span, value: value.into() }),
        }
    }

    /// Takes the type of an error: that of the span that started last, for what fails further down fails its callers.
    pub(super) fn add_error_type(&mut self, start: u64, span: u64, says: &str) {
        let new = || Captured { index: ERROR_TYPE, start, span, value: says.into() };
        match self.attributes.iter_mut().find(|known| known.index == ERROR_TYPE) {
            Some(known) if (known.start, known.span) < (start, span) => *known = new(),
            Some(_) => {}
            None => self.attributes.push(new()),
        }
    }

    /// Takes what the trace state of a span says, if none that started earlier has said something.
    pub(super) fn add_sampled(&mut self, start: u64, span: u64, says: impl FnOnce() -> String) {
        if self.sampled.as_ref().is_some_and(|known| (known.start, known.span) <= (start, span)) {
            return;
        }
        let says = says();
        if !says.is_empty() {
            self.sampled = Some(SampledBy { start, span, says: says.into() });
        }
    }

    pub(super) fn add_link(&mut self, link: Linked) -> bool {
        let room = self.links.len() < MAX_LINKS;
        if room {
            self.links.push(link);
        }
        room
    }
}

/// A set of identities, as a sorted list in snapshots.
mod identities {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Identities, Identity};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(
        set: &Option<Box<Identities>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let sorted = set.as_ref().map(|set| {
            let mut list: Vec<Identity> = set.iter().copied().collect();
            list.sort_unstable();
            list
        });
        sorted.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Box<Identities>>, D::Error> {
        let list = Option::<Vec<Identity>>::deserialize(deserializer)?;
        Ok(list.map(|list| Box::new(list.into_iter().collect())))
    }
}
