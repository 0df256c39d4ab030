//! Rows of what is watched: found, made, or given the place of one that is not seen any more.

use super::Diagnosis;
use super::baseline::Baseline;
use super::group::{Group, GroupKey};
use super::limits::{MAX_MIXES, MAX_SERIES, MAX_TYPES, STALE_SLOTS};
use super::mix::{Mix, MixKey};
use super::names::OTHER;
use super::over::Limit;
use super::series::{Series, SeriesKey};
use super::settings::Method;

/// What a borrowed baseline weighs.
const BORROWED: f32 = 20.0;

impl Diagnosis {
    /// The group of a type; one for all that are over the limit.
    pub(crate) fn group_of(&mut self, key: GroupKey) -> u32 {
        if let Some(number) = self.groups.find(&key) {
            return number;
        }
        if self.groups.len() < MAX_TYPES {
            return self.groups.push(key, Group::default());
        }
        self.over.hit(Limit::Types);
        let key = GroupKey { transaction_type: OTHER, ..key };
        self.groups.find(&key).unwrap_or_else(|| self.groups.push(key, Group::default()))
    }

    pub(crate) fn series_of(&mut self, key: SeriesKey, department: u32) -> Option<u32> {
        if let Some(number) = self.series.find(&key) {
            return Some(number);
        }
        let lender = SeriesKey { group: u32::MAX, ..key };
        let lent = self
            .lenders
            .find(&lender)
            .filter(|_| self.settings.has(Method::Borrowing))
            .and_then(|at| self.lenders.get(at).copied());
        let lent = lent.and_then(|number| self.series.get(number)).filter(|series| series.is_mature());
        let borrow = |series: &Series| (Baseline::borrow(&series.baseline, BORROWED), series.season.clone());
        let (baseline, season) = lent.map(borrow).unwrap_or_default();
        let series = Series::new(baseline, season, department);
        let number = if self.series.len() < MAX_SERIES {
            self.series.push(key, series)
        } else {
            let Some(stale) = self.stale_series.take() else {
                self.over.hit(Limit::Series);
                return None;
            };
            self.series.replace(stale, key, series);
            stale
        };
        if self.lenders.find(&lender).is_none() && self.lenders.len() < MAX_SERIES {
            self.lenders.push(lender, number);
        }
        Some(number)
    }

    pub(crate) fn mix_of(&mut self, key: MixKey, department: u32) -> Option<u32> {
        if let Some(number) = self.mixes.find(&key) {
            return Some(number);
        }
        let mix = Mix::new(department);
        if self.mixes.len() < MAX_MIXES {
            return Some(self.mixes.push(key, mix));
        }
        let Some(stale) = self.stale_mix.take() else {
            self.over.hit(Limit::Mixes);
            return None;
        };
        self.habits.forget(stale);
        self.mixes.replace(stale, key, mix);
        Some(stale)
    }

    /// Finds a place that a new row may have, if tables are full.
    pub(crate) fn find_stale(&mut self) {
        let slot = self.slot;
        if self.series.len() >= MAX_SERIES {
            let mut rows = self.series.iter();
            self.stale_series =
                rows.find(|(_, _, series)| series.last + STALE_SLOTS < slot).map(|(number, _, _)| number);
        }
        if self.mixes.len() >= MAX_MIXES {
            let mut rows = self.mixes.iter();
            self.stale_mix =
                rows.find(|(_, _, mix)| mix.last + STALE_SLOTS < slot).map(|(number, _, _)| number);
        }
    }
}
