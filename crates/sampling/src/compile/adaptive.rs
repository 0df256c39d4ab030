//! Refinery's samplers, and floors.

use super::{Compiler, Place, limits::unused};
use crate::{
    adaptive::{Adaptive, Ema, Kind},
    draw::below,
    floor::Floor,
    key::Field,
    limit::SECOND,
    rule::Rule,
    settings::{self, PolicySettings},
};

/// Refinery's default of goals, spans a second.
const DEFAULT_GOAL: f64 = 100.0;

/// Refinery's default of the rate before anything is known.
const DEFAULT_INITIAL_RATE: u64 = 10;

/// Keys of a floor where no other number is written: each may keep `count` transactions a period.
const FLOOR_KEYS: usize = 10_000;

impl Compiler<'_> {
    pub(super) fn adaptive_rule(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        match policy.kind.as_str() {
            "deterministic" => {
                let block: settings::Deterministic = self.block(policy, place)?;
                let rate = self.at_least_one(place, "deterministic.sample_rate", block.sample_rate);
                Some(self.one_in(rate, place))
            }
            "dynamic" => self.dynamic(policy, place),
            "ema_dynamic" => self.ema_dynamic(policy, place),
            "ema_throughput" => self.ema_throughput(policy, place),
            "windowed_throughput" => self.windowed_throughput(policy, place),
            "total_throughput" => self.total_throughput(policy, place),
            "floor" => self.floor(policy, place),
            other => {
                self.unsupported(other, place);
                None
            }
        }
    }

    /// One in so many, by the draw of the policy of the list that it stands in: parts of it are asked one at a time, so one draw is enough.
    pub(super) fn one_in(&mut self, rate: f64, place: Place<'_>) -> Rule {
        let policy = place.path.split('/').next().unwrap_or_default();
        match below(1.0 / rate) {
            Err(constant) => Rule::Constant(constant),
            Ok(below) => Rule::Draw { salt: self.salt_of("rate", policy), below, percentage: 100.0 / rate },
        }
    }

    fn at_least_one(&mut self, place: Place<'_>, key: &str, rate: f64) -> f64 {
        if rate >= 1.0 && rate.is_finite() {
            return rate;
        }
        self.fault(
            place.path,
            key,
            &rate.to_string(),
            "1, for all, or more is expected: one in so many is kept",
        );
        1.0
    }

    fn dynamic(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::Dynamic = self.block(policy, place)?;
        let goal_rate = self.at_least_one(place, "dynamic.sample_rate", block.sample_rate);
        let written = block.clear_frequency.as_deref();
        let every = self.duration(place, "dynamic.clear_frequency", written, "30s");
        let fields = self.fields(place, &block.field_list, block.use_trace_length);
        let kind = Kind::Dynamic { goal_rate, every };
        Some(self.adaptive(place, format!("one in {goal_rate} by key"), fields, block.max_keys, kind))
    }

    fn ema_dynamic(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::EmaDynamic = self.block(policy, place)?;
        let goal_rate = self.at_least_one(place, "ema_dynamic.goal_sample_rate", block.goal_sample_rate);
        let ema = EmaBlock {
            every: block.adjustment_interval.as_deref(),
            weight: block.weight,
            age_out: block.age_out_value,
            burst_multiple: block.burst_multiple,
            burst_delay: block.burst_detection_delay,
        };
        let ema = self.ema(place, "ema_dynamic", &ema);
        let fields = self.fields(place, &block.field_list, block.use_trace_length);
        let kind = Kind::EmaDynamic { goal_rate, ema };
        Some(self.adaptive(place, format!("one in {goal_rate} by key"), fields, block.max_keys, kind))
    }

    fn ema_throughput(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::EmaThroughput = self.block(policy, place)?;
        let goal = self.goal(place, "ema_throughput", block.goal_throughput_per_sec);
        let ema = EmaBlock {
            every: block.adjustment_interval.as_deref(),
            weight: block.weight,
            age_out: block.age_out_value,
            burst_multiple: block.burst_multiple,
            burst_delay: block.burst_detection_delay,
        };
        let ema = self.ema(place, "ema_throughput", &ema);
        let fields = self.fields(place, &block.field_list, block.use_trace_length);
        let initial_rate = block.initial_sample_rate.unwrap_or(DEFAULT_INITIAL_RATE).max(1);
        let kind = Kind::EmaThroughput { goal: self.part(goal), initial_rate, ema };
        Some(self.adaptive(place, format!("{goal} spans a second by key"), fields, block.max_keys, kind))
    }

    fn windowed_throughput(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::WindowedThroughput = self.block(policy, place)?;
        let goal = self.goal(place, "windowed_throughput", block.goal_throughput_per_sec);
        let written = block.update_frequency.as_deref();
        let update = self.duration(place, "windowed_throughput.update_frequency", written, "1s");
        let key = "windowed_throughput.lookback_frequency";
        let lookback = match block.lookback_frequency.as_deref() {
            None => update.saturating_mul(30),
            // Whole periods, as with Refinery.
            written => (self.duration(place, key, written, "30s") / update).max(1) * update,
        };
        let fields = self.fields(place, &block.field_list, block.use_trace_length);
        let kind = Kind::Windowed { goal: self.part(goal), update, lookback };
        Some(self.adaptive(place, format!("{goal} spans a second by key"), fields, block.max_keys, kind))
    }

    fn total_throughput(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::TotalThroughput = self.block(policy, place)?;
        let goal = self.goal(place, "total_throughput", block.goal_throughput_per_sec);
        let written = block.clear_frequency.as_deref();
        let every = self.duration(place, "total_throughput.clear_frequency", written, "30s");
        let fields = self.fields(place, &block.field_list, block.use_trace_length);
        let kind = Kind::Total { goal: self.part(goal), every };
        Some(self.adaptive(place, format!("{goal} spans a second by key"), fields, block.max_keys, kind))
    }

    fn goal(&mut self, place: Place<'_>, kind: &str, written: Option<f64>) -> f64 {
        let key = format!("{kind}.goal_throughput_per_sec");
        self.positive(place, &key, written.unwrap_or(DEFAULT_GOAL))
    }

    fn part(&self, goal: f64) -> f64 {
        goal / f64::from(self.options.partitions.max(1))
    }

    fn ema(&mut self, place: Place<'_>, kind: &str, block: &EmaBlock<'_>) -> Ema {
        let key = |name: &str| format!("{kind}.{name}");
        let every = self.duration(place, &key("adjustment_interval"), block.every, "15s");
        let weight = block.weight.unwrap_or(0.5);
        if !(weight > 0.0 && weight < 1.0) {
            let hint = "a number above 0 and below 1 is expected";
            self.fault(place.path, &key("weight"), &weight.to_string(), hint);
        }
        Ema {
            every,
            weight,
            age_out: block.age_out.unwrap_or(weight),
            burst_multiple: block.burst_multiple.unwrap_or(2.0),
            burst_delay: block.burst_delay.unwrap_or(3),
        }
    }

    fn adaptive(
        &mut self,
        place: Place<'_>,
        about: String,
        fields: Vec<Field>,
        max_keys: usize,
        kind: Kind,
    ) -> Rule {
        let name = unused(place.path, self.out.adaptives.iter().map(|adaptive| &*adaptive.name));
        let salt = self.salt_of("adaptive", &name);
        let (name, about) = (name.into(), about.into());
        self.out.adaptives.push(Adaptive { name, about, salt, fields, max_keys: max_keys.max(1), kind });
        Rule::Adaptive { sampler: self.out.adaptives.len() - 1 }
    }

    fn floor(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::Floor = self.block(policy, place)?;
        let count = block.count.unwrap_or(1);
        if count == 0 {
            self.fault(place.path, "floor.count", "0", "at least 1 is expected");
        }
        let per = block.per.as_deref().unwrap_or("1m");
        let every = self.duration(place, "floor.per", Some(per), per);
        let fields = self.fields(place, &block.field_list, false);
        let about = format!("of the first {count} of its key in {per}").into();
        let max_keys = block.max_keys.unwrap_or(FLOOR_KEYS);
        let name = unused(place.path, self.out.floors.iter().map(|floor| &*floor.name)).into();
        self.out.floors.push(Floor { name, about, fields, count, every: every.max(SECOND), max_keys });
        Some(Rule::Floor { floor: self.out.floors.len() - 1 })
    }
}

/// The settings of moving averages, the same in both samplers that have them.
struct EmaBlock<'a> {
    every: Option<&'a str>,
    weight: Option<f64>,
    age_out: Option<f64>,
    burst_multiple: Option<f64>,
    burst_delay: Option<u64>,
}
