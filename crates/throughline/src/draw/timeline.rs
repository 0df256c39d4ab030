//! A transaction over the width of a bar: which hop the time belongs to, cell by cell.

use throughline_api::query::ExplainedHop;

use super::screen::{Screen, Style};

/// What a cell shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Not there.
    Nothing,
    /// There, beside the critical path.
    Beside,
    /// On the path, waiting for what it calls.
    Calling,
    /// On the path, by its own work or by what the names say.
    Own,
    Database,
    Partner,
    Network,
    Queue,
}

/// What each glyph means.
pub(crate) const LEGEND: &str =
    "█ own  ▓ database  ▒ partner  ~ network  ≈ queue or gap  ─ calls  ░ off the path";

impl Cell {
    fn glyph(self) -> char {
        match self {
            Self::Nothing => ' ',
            Self::Beside => '░',
            Self::Calling => '─',
            Self::Own => '█',
            Self::Database => '▓',
            Self::Partner => '▒',
            Self::Network => '~',
            Self::Queue => '≈',
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Nothing => Style::Plain,
            Self::Beside | Self::Calling => Style::Dim,
            Self::Own => Style::Green,
            Self::Database => Style::Cyan,
            Self::Partner => Style::Magenta,
            Self::Network => Style::Yellow,
            Self::Queue => Style::Red,
        }
    }

    /// Of a hop's own work.
    fn of(hop: &ExplainedHop) -> Self {
        match hop.kind.as_str() {
            "database" => Self::Database,
            "partner" => Self::Partner,
            "network" => Self::Network,
            "queue" => Self::Queue,
            _ => Self::Own,
        }
    }
}

/// Cells as they are drawn: what looks the same in one go.
pub(crate) fn paint(cells: &[Cell], screen: Screen) -> String {
    let runs = cells.chunk_by(|a, b| a.style() == b.style());
    runs.map(|run| screen.paint(run[0].style(), &run.iter().map(|cell| cell.glyph()).collect::<String>()))
        .collect()
}

/// The hops of a transaction over so many cells.
pub(crate) struct Timeline<'a> {
    pub(crate) hops: &'a [ExplainedHop],
    /// How many callers stand above each hop.
    pub(crate) depths: Vec<usize>,
    pub(crate) width: usize,
    duration: u64,
    /// For each cell, the hop whose time it is, and as what.
    owners: Vec<Option<(usize, Cell)>>,
}

impl<'a> Timeline<'a> {
    pub(crate) fn new(hops: &'a [ExplainedHop], duration: u64, width: usize) -> Self {
        let mut timeline =
            Self { hops, depths: depths(hops), width, duration: duration.max(1), owners: Vec::new() };
        timeline.owners = (0..width).map(|cell| timeline.owner(timeline.middle(cell))).collect();
        timeline
    }

    /// The moment in the middle of a cell, nanoseconds from the start.
    fn middle(&self, cell: usize) -> i64 {
        let moment = (2 * cell as u128 + 1) * u128::from(self.duration) / (2 * self.width as u128);
        i64::try_from(moment).unwrap_or(i64::MAX)
    }

    /// The cell of a moment.
    pub(crate) fn cell(&self, moment: i64) -> usize {
        let moment = u128::from(u64::try_from(moment).unwrap_or(0));
        ((moment * self.width as u128 / u128::from(self.duration)) as usize).min(self.width - 1)
    }

    /// Who waits in a queue on the path; else the deepest hop of the path that is there.
    fn owner(&self, moment: i64) -> Option<(usize, Cell)> {
        let hops = self.hops.iter().enumerate();
        let waits = hops.clone().filter(|(_, hop)| {
            hop.critical_queue > 0
                && (hop.start.saturating_sub_unsigned(hop.critical_queue)..hop.start).contains(&moment)
        });
        if let Some((index, _)) =
            waits.max_by_key(|(_, hop)| hop.start.saturating_sub_unsigned(hop.critical_queue))
        {
            return Some((index, Cell::Queue));
        }
        let there = hops.filter(|(_, hop)| is_on_path(hop) && extent(hop).contains(&moment));
        let (index, hop) = there.max_by_key(|(index, hop)| (self.depths[*index], hop.start))?;
        let wire = i64::try_from(hop.critical_network / 2).unwrap_or(i64::MAX);
        let edge = extent(hop);
        let is_wire = moment < edge.start.saturating_add(wire) || moment >= edge.end.saturating_sub(wire);
        Some((index, if is_wire { Cell::Network } else { Cell::of(hop) }))
    }

    /// The cells of some hops together: what of the path is theirs, else that they are there.
    pub(crate) fn cells(&self, is_of: impl Fn(usize) -> bool) -> Vec<Cell> {
        let mut cells: Vec<Cell> = (0..self.width).map(|cell| self.cell_of(cell, &is_of)).collect();
        if cells.iter().all(|cell| matches!(cell, Cell::Nothing | Cell::Calling | Cell::Beside)) {
            // Too short for a cell of its own, and seen all the same.
            let own = self.hops.iter().enumerate().filter(|(index, hop)| is_of(*index) && is_on_path(hop));
            if let Some((_, hop)) = own.max_by_key(|(_, hop)| hop.critical) {
                cells[self.cell(hop.start)] = Cell::of(hop);
            } else if let Some((_, hop)) = self.hops.iter().enumerate().find(|(index, _)| is_of(*index)) {
                cells[self.cell(hop.start)] = Cell::Beside;
            }
        }
        cells
    }

    fn cell_of(&self, cell: usize, is_of: &impl Fn(usize) -> bool) -> Cell {
        if let Some((owner, shows)) = self.owners[cell]
            && is_of(owner)
        {
            return shows;
        }
        let moment = self.middle(cell);
        let there = self
            .hops
            .iter()
            .enumerate()
            .filter(|(index, hop)| is_of(*index) && extent(hop).contains(&moment));
        there.map(|(_, hop)| if is_on_path(hop) { Cell::Calling } else { Cell::Beside }).fold(
            Cell::Nothing,
            |shown, found| match (shown, found) {
                (Cell::Calling, _) | (_, Cell::Calling) => Cell::Calling,
                (_, found) => found,
            },
        )
    }

    /// First and last moment of the trace that begins with the hop at `root`: its own and all that it calls.
    pub(crate) fn trace(&self, root: usize) -> (i64, i64) {
        let rest = (root + 1..self.hops.len()).take_while(|index| self.hops[*index].parent >= 0);
        let end = std::iter::once(root).chain(rest).map(|index| extent(&self.hops[index]).end).max();
        (self.hops[root].start, end.unwrap_or(0))
    }
}

/// Whether any of its time is on the critical path, waiting before it aside.
pub(crate) fn is_on_path(hop: &ExplainedHop) -> bool {
    hop.critical > hop.critical_queue
}

/// From its start to its end.
fn extent(hop: &ExplainedHop) -> std::ops::Range<i64> {
    hop.start..hop.start.saturating_add_unsigned(hop.duration)
}

/// How many callers stand above each hop. A parent stands before its children.
fn depths(hops: &[ExplainedHop]) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::with_capacity(hops.len());
    for hop in hops {
        let above =
            usize::try_from(hop.parent).ok().and_then(|parent| depths.get(parent)).map(|depth| depth + 1);
        depths.push(above.unwrap_or(0));
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(parent: i32, kind: &str, start: i64, duration: u64, critical: u64) -> ExplainedHop {
        let kind = kind.into();
        ExplainedHop { parent, kind, start, duration, critical, count: 1, ..ExplainedHop::default() }
    }

    fn drawn(timeline: &Timeline<'_>, index: usize) -> String {
        paint(&timeline.cells(|of| of == index), Screen::new(80, false))
    }

    #[test]
    fn each_cell_of_the_path_belongs_to_one_hop() {
        let mut wired = hop(0, "own", 50, 40, 20);
        wired.critical_network = 20;
        let hops =
            [hop(-1, "own", 0, 100, 40), hop(0, "database", 20, 20, 20), wired, hop(0, "own", 20, 10, 0)];
        let timeline = Timeline::new(&hops, 100, 10);
        assert_eq!(drawn(&timeline, 0), "██──█────█");
        assert_eq!(drawn(&timeline, 1), "  ▓▓      ");
        assert_eq!(drawn(&timeline, 2), "     ~██~ ");
        assert_eq!(drawn(&timeline, 3), "  ░       ");
    }

    #[test]
    fn a_wait_before_a_trace_is_seen_and_the_trace_too_however_short() {
        let mut waits = hop(-1, "own", 90, 1, 81);
        (waits.queue, waits.critical_queue) = (80, 80);
        let hops = [hop(-1, "own", 0, 10, 10), waits, hop(1, "partner", 90, 1, 1)];
        let timeline = Timeline::new(&hops, 100, 10);
        assert_eq!(drawn(&timeline, 0), "█         ");
        assert_eq!(drawn(&timeline, 1), " ≈≈≈≈≈≈≈≈ ");
        assert_eq!(drawn(&timeline, 2), "         ▒");
        assert_eq!((timeline.trace(0), timeline.trace(1)), ((0, 10), (90, 91)));
    }

    #[test]
    fn callers_stand_above_what_they_call() {
        let hops = [-1, 0, 1, 0, -1].map(|parent| hop(parent, "own", 0, 1, 1));
        assert_eq!(Timeline::new(&hops, 0, 10).depths, [0, 1, 2, 1, 0]);
    }

    #[test]
    fn absurd_times_are_drawn() {
        let hops = [hop(-1, "own", i64::MIN, u64::MAX, 1), hop(-1, "own", i64::MAX, u64::MAX, u64::MAX)];
        let timeline = Timeline::new(&hops, u64::MAX, 10);
        assert_eq!(drawn(&timeline, 1).chars().count(), 10);
    }
}
