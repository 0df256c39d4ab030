//! Rows found by key and by number, in the order in which they came.

use std::hash::Hash;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Rows with a limit. Numbers never move; the map is only a way to find them and is no part of the state.
#[derive(Clone, Debug)]
pub(crate) struct Table<K, V> {
    rows: Vec<(K, V)>,
    index: HashMap<K, u32, FixedState>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: Vec::new(), index: HashMap::default() }
    }
}

impl<K: Hash + Eq + Clone, V> Table<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn find(&self, key: &K) -> Option<u32> {
        self.index.get(key).copied()
    }

    pub(crate) fn push(&mut self, key: K, value: V) -> u32 {
        let number = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.index.insert(key.clone(), number);
        self.rows.push((key, value));
        number
    }

    /// Gives the place of one row to another.
    pub(crate) fn replace(&mut self, number: u32, key: K, value: V) {
        if let Some(row) = self.rows.get_mut(number as usize) {
            self.index.remove(&row.0);
            self.index.insert(key.clone(), number);
            *row = (key, value);
        }
    }

    pub(crate) fn key(&self, number: u32) -> Option<&K> {
        self.rows.get(number as usize).map(|row| &row.0)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&V> {
        self.rows.get(number as usize).map(|row| &row.1)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut V> {
        self.rows.get_mut(number as usize).map(|row| &mut row.1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &K, &V)> {
        (0u32..).zip(&self.rows).map(|(number, row)| (number, &row.0, &row.1))
    }

    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.rows.iter_mut().map(|row| (&row.0, &mut row.1))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.rows.iter_mut().map(|row| &mut row.1)
    }
}

impl<K: Serialize, V: Serialize> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(serializer)
    }
}

impl<'de, K: Deserialize<'de> + Hash + Eq + Clone, V: Deserialize<'de>> Deserialize<'de> for Table<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rows = Vec::<(K, V)>::deserialize(deserializer)?;
        let index = rows.iter().zip(0u32..).map(|(row, number)| (row.0.clone(), number)).collect();
        Ok(Self { rows, index })
    }
}
