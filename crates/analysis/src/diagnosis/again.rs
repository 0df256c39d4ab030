//! The same stream once more: what it taught the first time is normal the second time, from the beginning on.
//!
//! A recording may begin with a fault, and hold little that is healthy before each one; but most services are healthy most of the time, and what comes later says
//! as much of what is normal as what came before. In a later look nothing becomes normal that is learnt in it; that is for the look after it, and what an earlier
//! look found to be out of the normal is left out of it.

use std::collections::{BTreeMap, VecDeque};

use super::Diagnosis;
use super::group::Group;
use super::habits::Habits;
use super::mix::Mix;
use super::series::Series;

impl Diagnosis {
    /// What was observed will come again from its beginning: what was learnt stays, and judges; when it was, and what was wrong then, is forgotten.
    pub fn look_again(&mut self) {
        (self.now, self.slot, self.observed, self.numbered) = (0, 0, 0, 0);
        self.is_again = true;
        self.groups.values_mut().for_each(Group::look_again);
        self.series.values_mut().for_each(Series::look_again);
        self.mixes.values_mut().for_each(Mix::look_again);
        (self.recent, self.streaks) = (VecDeque::new(), BTreeMap::new());
        (self.cases, self.incidents, self.falls) = (Vec::new(), Vec::new(), Vec::new());
        (self.stale_series, self.stale_mix, self.habits) = (None, None, Habits::default());
    }
}
