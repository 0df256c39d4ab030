//! How operations are called.

use super::Traffic;

/// How operations are called.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Naming {
    /// The same each time.
    #[default]
    Plain,
    /// With an id each time.
    Ids,
    /// Where transactions begin, by another name from this second on: their type is a new one then.
    NewFrom(f64),
}

impl Traffic<'_> {
    /// The name of a piece, as it is told.
    pub(super) fn name(&mut self, index: usize) -> String {
        let piece = &self.pieces[index];
        match self.naming {
            Naming::Ids if !piece.is_database => {
                format!("{}/{}", piece.name, 10_000 + self.labels.below(90_000))
            }
            Naming::NewFrom(at) if index == 0 && self.at >= at => format!("{} again", piece.name),
            _ => piece.name.clone(),
        }
    }
}
