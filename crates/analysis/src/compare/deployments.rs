//! Versions and configurations as they come: a new one of a service is compared with the one before by itself, a few times, until there is a verdict.
//! What is said of versions here holds for revisions of a configuration too: they are compared apart from each other.
//!
//! Of each version the own times and the own failures of its operations are held, those of the last ten to twenty minutes. Where the version before runs
//! beside the new one, both are compared over the same time; where it is gone, with what it was before, and only as long as nothing else is likely to have
//! changed. Each comparison is looked at [`LOOKS`] times at most, and what is called worse must be so beyond what that many looks can bring by chance.
//!
//! Driven by time that it is told; the same calls give the same answers; all of it goes into a snapshot.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    Side, Verdict,
    over::DeploymentsOver,
    watch::{Watch, is_over},
};
use crate::{
    HopKind,
    by_name::ByName,
    diagnosis::{Finished, FinishedHop},
};

/// Seconds after the first call of a new version at which it is looked at.
pub const LOOKS: [u64; 8] = [20, 40, 80, 160, 320, 640, 1280, 1800];

/// Services that are held, of versions and of configurations; more are not compared.
pub const MAX_SERVICES: usize = 256;

/// Versions of one service that are held; of more, the one that was not seen for longest goes.
pub const MAX_VERSIONS: usize = 6;

/// Comparisons that go on at one time; a version that comes beyond it is not compared.
pub const MAX_WATCHES: usize = 64;

/// Comparisons that are remembered when they are over.
pub const MAX_ENDED: usize = 200;

/// Operations of one side; calls of more are not compared.
pub(super) const MAX_OPERATIONS: usize = 16;

/// A service is known after so long; what comes before that is no deployment but our own beginning.
const LEARN_NS: u64 = 300_000_000_000;

/// Calls of the version before without which there is nothing to compare with.
const KNOWN_CALLS: u64 = 100;

/// A version's times of so long are held in one piece; two pieces are held.
const PIECE_NS: u64 = 600_000_000_000;

/// Transactions between two steps that are looked at; of more, every second, third and so on, spread evenly by what came in the step before.
const LOOKED_AT: u32 = 400;

/// How often it is looked whether a look is due.
const STEP_NS: u64 = 10_000_000_000;

/// What of a service is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Changed {
    /// Its version.
    #[default]
    Version,
    /// Its configuration.
    Configuration,
}

impl Changed {
    const ALL: [Self; 2] = [Self::Version, Self::Configuration];

    /// Its name in output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Configuration => "configuration",
        }
    }

    /// Which of them a hop met.
    pub(super) fn of<'a>(self, hop: &FinishedHop<'a>) -> &'a str {
        match self {
            Self::Version => hop.version,
            Self::Configuration => hop.configuration,
        }
    }
}

/// A new version of a service, and what came of it. Times are Unix nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Made of tenant, service, version and time.
    pub id: String,
    /// Whose.
    pub tenant: String,
    /// The service.
    pub service: String,
    /// Who owns it.
    pub department: String,
    /// What of it is new: where it says version below, it is one of these.
    pub what: Changed,
    /// The version before.
    pub baseline: String,
    /// The new one.
    pub candidate: String,
    /// Its first call.
    pub since: u64,
    /// Its last call so far.
    pub last_seen: u64,
    /// The last look.
    pub looked_at: u64,
    /// How it came out so far.
    pub verdict: Verdict,
    /// What is worse, in words.
    pub worse: Vec<String>,
    /// Both versions ran at the time of the last look; else the one before was compared as it was before.
    pub beside: bool,
    /// Calls of the version before, and of the new one, that were compared.
    pub calls: (u64, u64),
    /// It is not looked at any more.
    pub over: bool,
    /// Transactions that the new version had a part in, and their types.
    pub transactions: u64,
    /// Types of these transactions.
    pub types: Vec<String>,
    /// Some of them, failed ones first.
    pub examples: Vec<String>,
}

/// A version of a service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Version {
    name: String,
    last: u64,
    calls: u64,
    /// When `recent` began.
    since: u64,
    recent: Side,
    older: Side,
}

/// Versions of one service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Service {
    first: u64,
    department: String,
    versions: Vec<Version>,
    watch: Option<Watch>,
}

/// Versions of all services. Its state goes into a snapshot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Deployments {
    /// Of versions, then of configurations; by tenant and name.
    services: [ByName<ByName<Service>>; 2],
    count: usize,
    watches: usize,
    ended: VecDeque<Deployment>,
    stepped: u64,
    /// Transactions since the last step, and of how many one is looked at.
    seen: u32,
    stride: u32,
    over: DeploymentsOver,
}

impl Deployments {
    /// Takes a finished transaction that stands for `weight` of them.
    pub fn observe(&mut self, finished: &Finished<'_>, weight: u32, now: u64) {
        let stride = self.stride.max(1);
        self.seen = self.seen.saturating_add(1);
        if !self.seen.is_multiple_of(stride) {
            return;
        }
        let weight = weight.saturating_mul(stride);
        let failed_below = failed_below(finished.hops);
        for what in Changed::ALL {
            self.observe_one(finished, what, &failed_below, weight, now);
        }
    }

    fn observe_one(
        &mut self,
        finished: &Finished<'_>,
        what: Changed,
        failed_below: &[bool],
        weight: u32,
        now: u64,
    ) {
        let mut told: Vec<&str> = Vec::new();
        for calls in Calls::of(finished.hops, failed_below, what) {
            let hop = calls.hop;
            let may_begin = self.watches < MAX_WATCHES;
            let Some(at) = self.service(finished.tenant, what, hop, now) else {
                self.over.services += 1;
                continue;
            };
            let (services, over) = (&mut self.services[what as usize], &mut self.over);
            let service = &mut services[at.0][at.1];
            let (is_new, known) = service.version(what.of(hop), now, &mut over.versions);
            over.operations += u64::from(!known.add(&calls, now));
            let (mut begins, mut replaced) = (false, None);
            if is_new && let Some(watch) = service.compared(finished.tenant, what, hop, now) {
                if may_begin {
                    replaced = service.watch.replace(watch);
                    begins = replaced.is_none();
                } else {
                    over.watches += 1;
                }
            }
            if let Some(watch) = &mut service.watch {
                watch.add(&calls, now);
                if what.of(hop) == watch.deployment.candidate && !told.contains(&hop.service) {
                    told.push(hop.service);
                    watch.hit(finished, weight, calls.failed);
                }
            }
            self.watches += usize::from(begins);
            if let Some(mut watch) = replaced {
                watch.deployment.over = true;
                self.end(watch.deployment);
            }
        }
    }

    /// Where a service is held; `None` where there is no room.
    fn service(
        &mut self,
        tenant: &str,
        what: Changed,
        hop: &FinishedHop<'_>,
        now: u64,
    ) -> Option<(usize, usize)> {
        let of_kind = &mut self.services[what as usize];
        let tenant = match of_kind.get_index_of(tenant) {
            Some(known) => known,
            None if self.count >= MAX_SERVICES => return None,
            None => of_kind.insert_full(tenant.to_owned(), ByName::default()).0,
        };
        let services = &mut of_kind[tenant];
        let at = match services.get_index_of(hop.service) {
            Some(known) => known,
            None if self.count >= MAX_SERVICES => return None,
            None => {
                self.count += 1;
                let department = hop.department.to_owned();
                let service = Service { first: now, department, ..Service::default() };
                services.insert_full(hop.service.to_owned(), service).0
            }
        };
        Some((tenant, at))
    }

    /// What found no room since the last call.
    pub fn take_over(&mut self) -> DeploymentsOver {
        std::mem::take(&mut self.over)
    }

    fn end(&mut self, deployment: Deployment) {
        if self.ended.len() >= MAX_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(deployment);
    }

    /// Time is `now`, Unix nanoseconds: looks where a look is due, and tells of those that came out otherwise than before, or are over.
    pub fn advance(&mut self, now: u64) -> Vec<Deployment> {
        if now < self.stepped + STEP_NS {
            return Vec::new();
        }
        self.stepped = now;
        self.stride = self.seen.div_ceil(LOOKED_AT);
        self.seen = 0;
        let mut changed = Vec::new();
        let mut ended = Vec::new();
        let services = self.services.iter_mut().flat_map(IndexMap::values_mut);
        for service in services.flat_map(IndexMap::values_mut) {
            for version in &mut service.versions {
                version.turn(now);
            }
            let Some(watch) = &mut service.watch else { continue };
            let before = watch.deployment.verdict;
            let looked = watch.look(now);
            watch.deployment.over = is_over(&watch.deployment, now);
            let is_worse = watch.deployment.verdict == Verdict::Worse;
            if watch.deployment.over || before != watch.deployment.verdict || looked && is_worse {
                changed.push(watch.deployment.clone());
            }
            if watch.deployment.over
                && let Some(watch) = service.watch.take()
            {
                ended.push(watch.deployment);
            }
        }
        self.watches = self.watches.saturating_sub(ended.len());
        for deployment in ended {
            self.end(deployment);
        }
        changed
    }

    /// All that are held, the newest first.
    #[must_use]
    pub fn list(&self) -> Vec<&Deployment> {
        let going_on = self.services.iter().flat_map(IndexMap::values).flat_map(IndexMap::values);
        let going_on = going_on.filter_map(|service| Some(&service.watch.as_ref()?.deployment));
        let mut all: Vec<&Deployment> = going_on.chain(&self.ended).collect();
        all.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.id.cmp(&b.id)));
        all
    }

    /// Comparisons that are over and were worse to the end, whose new version or configuration was called at `from` or later.
    pub fn was_worse<'a>(
        &'a self,
        tenant: &'a str,
        service: &'a str,
        from: u64,
    ) -> impl Iterator<Item = &'a Deployment> {
        self.ended.iter().filter(move |of| {
            (of.tenant.as_str(), of.service.as_str()) == (tenant, service)
                && of.verdict == Verdict::Worse
                && of.last_seen >= from
        })
    }

    /// Comparisons of a service's new version and new configuration that go on and are worse.
    pub fn worse<'a>(&'a self, tenant: &'a str, service: &'a str) -> impl Iterator<Item = &'a Deployment> {
        let watches = self.services.iter().filter_map(move |of_kind| {
            of_kind.get(tenant)?.get(service)?.watch.as_ref().map(|watch| &watch.deployment)
        });
        watches.filter(|deployment| deployment.verdict == Verdict::Worse)
    }
}

impl Service {
    /// The comparison of a version that came just now, if there is something to compare it with.
    fn compared(&self, tenant: &str, what: Changed, hop: &FinishedHop<'_>, now: u64) -> Option<Watch> {
        if self.first + LEARN_NS > now {
            return None;
        }
        let others = self.versions.iter().filter(|other| other.name != what.of(hop));
        let before = others.filter(|other| other.calls >= KNOWN_CALLS).max_by_key(|other| other.last)?;
        let mut side = before.older.clone();
        side.merge(&before.recent);
        Some(Watch::new((tenant, &self.department), what, hop, (before.name.clone(), side), now))
    }

    /// A version, and whether it came just now.
    fn version(&mut self, name: &str, now: u64, over: &mut u64) -> (bool, &mut Version) {
        let known = self.versions.iter().position(|version| version.name == name);
        let at = known.unwrap_or_else(|| {
            if self.versions.len() >= MAX_VERSIONS {
                let oldest = (0..self.versions.len()).min_by_key(|at| self.versions[*at].last).unwrap_or(0);
                self.versions.remove(oldest);
                *over += 1;
            }
            self.versions.push(Version { name: name.to_owned(), since: now, ..Version::default() });
            self.versions.len() - 1
        });
        (known.is_none(), &mut self.versions[at])
    }
}

impl Version {
    /// Whether its operation has room.
    fn add(&mut self, calls: &Calls<'_>, now: u64) -> bool {
        self.last = now;
        self.calls += calls.count;
        add(&mut self.recent, calls)
    }

    fn turn(&mut self, now: u64) {
        if now >= self.since + PIECE_NS {
            self.since = now;
            self.older = std::mem::take(&mut self.recent);
        }
    }
}

/// Calls of one operation of one version in one transaction: they are slow together and fail together, so they count as one draw.
pub(super) struct Calls<'a> {
    /// The first of them.
    pub(super) hop: &'a FinishedHop<'a>,
    count: u64,
    /// Own failures.
    errors: u64,
    /// Whether one failed, for whatever reason.
    failed: bool,
    self_time: u64,
}

impl<'a> Calls<'a> {
    fn of(hops: &'a [FinishedHop<'a>], failed_below: &[bool], what: Changed) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let mut places: HashMap<[&str; 3], usize, FixedState> = HashMap::default();
        for (hop, failed_below) in hops.iter().zip(failed_below) {
            if what.of(hop).is_empty() || !matches!(hop.kind, HopKind::Own | HopKind::Database) {
                continue;
            }
            if all.is_empty() {
                places.reserve(hops.len());
                all.reserve(hops.len());
            }
            let place = *places.entry([hop.operation, hop.service, what.of(hop)]).or_insert(all.len());
            if place == all.len() {
                all.push(Self { hop, count: 0, errors: 0, failed: false, self_time: 0 });
            }
            let known = &mut all[place];
            known.count += u64::from(hop.count.max(1));
            known.errors += if *failed_below { 0 } else { u64::from(hop.errors) };
            known.failed |= hop.errors > 0;
            known.self_time = known.self_time.saturating_add(hop.self_time);
        }
        all
    }
}

/// Counts a transaction's calls: their own time and their own failures. Whether their operation has room.
pub(super) fn add(side: &mut Side, calls: &Calls<'_>) -> bool {
    let mean = calls.self_time / calls.count;
    if let Some(sample) = side.operations.get_mut(calls.hop.operation) {
        sample.add(calls.count, calls.errors, mean);
        return true;
    }
    let has_room = side.operations.len() < MAX_OPERATIONS;
    if has_room {
        let sample = side.operations.entry(calls.hop.operation.to_owned()).or_default();
        sample.add(calls.count, calls.errors, mean);
    }
    has_room
}

/// For each hop, whether one that it calls failed: then it is not its own failure.
fn failed_below(hops: &[FinishedHop<'_>]) -> Vec<bool> {
    let mut failed = vec![false; hops.len()];
    for hop in hops.iter().filter(|hop| hop.errors > 0) {
        if let Some(caller) = usize::try_from(hop.parent).ok().and_then(|at| failed.get_mut(at)) {
            *caller = true;
        }
    }
    failed
}
