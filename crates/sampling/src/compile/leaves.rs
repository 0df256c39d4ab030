//! Policies over the facts of the transaction, and draws.

use super::{Compiler, Place};
use crate::{
    condition,
    draw::{Salt, threshold},
    facts::status,
    rule::Rule,
    settings::{self, PolicySettings},
};

/// The salt of draws that name none, as in the Collector.
const DEFAULT_SALT: &str = "default-hash-seed";

impl Compiler<'_> {
    pub(super) fn status_code(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::StatusCode = self.block(policy, place)?;
        let mut any = 0;
        for code in &block.status_codes {
            any |= match code.as_str() {
                "UNSET" => status::UNSET,
                "OK" => status::OK,
                "ERROR" => status::ERROR,
                _ => {
                    self.fault(
                        place.path,
                        "status_code.status_codes",
                        code,
                        "one of OK, ERROR, UNSET is expected",
                    );
                    0
                }
            };
        }
        if block.status_codes.is_empty() {
            self.fault(
                place.path,
                "status_code.status_codes",
                "[]",
                "at least one of OK, ERROR, UNSET is needed",
            );
        }
        Some(Rule::Status { any, about: block.status_codes.join(" or ").into() })
    }

    pub(super) fn latency(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::Latency = self.block(policy, place)?;
        // As in the Collector, an upper threshold of 0 is none: nothing takes less.
        let up_to = Some(block.upper_threshold_ms).filter(|&up_to| up_to != 0);
        if up_to.is_some_and(|up_to| up_to <= block.threshold_ms) {
            let value = block.upper_threshold_ms.to_string();
            self.fault(place.path, "latency.upper_threshold_ms", &value, "it must be above `threshold_ms`");
        }
        Some(Rule::Latency { of: block.of, over: block.threshold_ms, up_to })
    }

    pub(super) fn probabilistic(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::Probabilistic = self.block(policy, place)?;
        let percentage = block.sampling_percentage;
        if percentage.is_nan() || percentage < 0.0 {
            let value = percentage.to_string();
            self.fault(place.path, "probabilistic.sampling_percentage", &value, "0 to 100 is expected");
        }
        let text = if block.hash_salt.is_empty() { DEFAULT_SALT } else { &block.hash_salt };
        let rule = match threshold(percentage) {
            Err(constant) => Rule::Constant(constant),
            Ok(below) => Rule::Draw { salt: self.salt(text), below, percentage },
        };
        Some(rule)
    }

    fn salt(&mut self, text: &str) -> usize {
        let known = self.out.salts.iter().position(|salt| &*salt.text == text);
        known.unwrap_or_else(|| {
            self.out.salts.push(Salt::new(text));
            self.out.salts.len() - 1
        })
    }

    pub(super) fn span_count(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::SpanCount = self.block(policy, place)?;
        // As in the Collector, an upper bound of 0 is none: no transaction has no span.
        let max = Some(block.max_spans).filter(|&max| max != 0);
        if max.is_some_and(|max| max < block.min_spans) {
            let value = block.max_spans.to_string();
            self.fault(place.path, "span_count.max_spans", &value, "it must not be below `min_spans`");
        }
        Some(Rule::SpanCount { min: block.min_spans, max })
    }

    pub(super) fn cel(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::Cel = self.block(policy, place)?;
        self.condition(place, "cel.condition", &block.condition)
    }

    pub(super) fn condition(&mut self, place: Place<'_>, key: &str, source: &str) -> Option<Rule> {
        self.out.asks_more = true;
        let amount = self.options.amount.clone();
        match condition::compile(source, &amount, &mut |name| self.attribute_slot(name)) {
            Ok(condition) => Some(Rule::Condition(Box::new(condition))),
            Err(error) => {
                self.fault(place.path, key, source, &error.to_string());
                None
            }
        }
    }
}
