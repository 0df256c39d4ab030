//! Lanes of departments and hops under them, over one axis of time.

use throughline_api::query::{DepartmentTime, ExplainedHop};

use super::screen::{Screen, Style};
use super::table::cut;
use super::time::{share, span};
use super::timeline::{LEGEND, Timeline, is_on_path, paint};

/// Characters of a time and a share, with their spaces.
const NUMBERS: usize = 17;

/// Lanes at most; departments with less time share the rest.
const LANES: usize = 12;

/// Hops that are drawn at least, however long the rest is.
const LEAST: usize = 12;

/// What is less of the whole than one part in so many is drawn only where there is room.
const SMALL: u64 = 200;

/// Numbers of lanes and of traces.
const CIRCLED: [char; 20] =
    ['①', '②', '③', '④', '⑤', '⑥', '⑦', '⑧', '⑨', '⑩', '⑪', '⑫', '⑬', '⑭', '⑮', '⑯', '⑰', '⑱', '⑲', '⑳'];

/// All lines; the hops of them are as many as `height` leaves room for.
pub(crate) fn draw(
    hops: &[ExplainedHop],
    departments: &[DepartmentTime],
    duration: u64,
    screen: Screen,
    height: usize,
) -> Vec<String> {
    let names = screen.width * 2 / 5;
    let picture = Picture {
        timeline: Timeline::new(hops, duration, screen.width - names - NUMBERS - 1),
        lanes: lanes(hops),
        duration,
        names,
        screen,
    };
    let mut lines = vec![picture.axis(), picture.traces()];
    lines.extend(picture.lanes(departments));
    lines.push(String::new());
    let room = height.saturating_sub(lines.len() + 2).max(LEAST);
    lines.extend(picture.hops(room));
    lines.push(screen.paint(Style::Dim, &cut(LEGEND, screen.width)));
    lines
}

struct Picture<'a> {
    timeline: Timeline<'a>,
    /// Departments in the order in which they come into it.
    lanes: Vec<&'a str>,
    duration: u64,
    /// Characters of names.
    names: usize,
    screen: Screen,
}

fn lanes(hops: &[ExplainedHop]) -> Vec<&str> {
    let mut order: Vec<(i64, &str)> = hops.iter().map(|hop| (hop.start, hop.department.as_str())).collect();
    order.sort_unstable();
    let mut lanes = Vec::new();
    for (_, department) in order {
        if !lanes.contains(&department) {
            lanes.push(department);
        }
    }
    lanes.truncate(LANES);
    lanes
}

impl Picture<'_> {
    /// A name, a bar, and what is said of it.
    fn line(&self, name: &str, style: Style, bar: &str, numbers: &str) -> String {
        let name = cut(name, self.names);
        let space = self.names - name.chars().count() + 1;
        let name = self.screen.paint(style, &name);
        format!("{name}{:space$}{bar}{numbers}", "").trim_end().to_owned()
    }

    fn numbers(&self, time: u64) -> String {
        format!(" {:>9} {:>6}", span(time), share(time, self.duration))
    }

    /// Times at the start, in the middle and at the end.
    fn axis(&self) -> String {
        let width = self.timeline.width;
        let (half, whole) = (span(self.duration / 2), span(self.duration));
        let middle = (width / 2).saturating_sub(half.chars().count() / 2 + 1);
        let last = width.saturating_sub(middle + 1 + whole.chars().count());
        let bar = format!("0{:middle$}{half:<last$}{whole}", "");
        self.line("", Style::Plain, &self.screen.paint(Style::Dim, &bar), "")
    }

    /// Where each trace begins and how far it goes.
    fn traces(&self) -> String {
        let mut bar = vec![' '; self.timeline.width];
        let roots = self.roots();
        for (number, root) in roots.iter().enumerate() {
            let (start, end) = self.timeline.trace(*root);
            let (first, last) = (self.timeline.cell(start), self.timeline.cell(end));
            bar[first..=last.max(first)].fill('╌');
            bar[first] = mark(number);
        }
        let bar: String = bar.into_iter().collect();
        self.line("traces", Style::Plain, &bar, "")
    }

    fn roots(&self) -> Vec<usize> {
        let hops = self.timeline.hops.iter().enumerate();
        hops.filter(|(_, hop)| hop.parent < 0).map(|(index, _)| index).collect()
    }

    fn lanes(&self, departments: &[DepartmentTime]) -> Vec<String> {
        let lane = |(number, lane): (usize, &&str)| {
            let of = |index: usize| self.timeline.hops[index].department == **lane;
            let time = departments.iter().find(|time| time.department == **lane).map_or(0, |time| time.time);
            let bar = paint(&self.timeline.cells(of), self.screen);
            self.line(&format!("{:>2} {lane}", number + 1), Style::Bold, &bar, &self.numbers(time))
        };
        self.lanes.iter().enumerate().map(lane).collect()
    }

    /// A line each, callers before what they call; those of least time are left out where there is no room.
    fn hops(&self, room: usize) -> Vec<String> {
        let hops = self.timeline.hops;
        let chosen = self.chosen(room);
        let roots = self.roots();
        let mut lines: Vec<String> = chosen.iter().map(|index| self.hop(*index, &roots)).collect();
        let hidden: Vec<_> = (0..hops.len()).filter(|index| !chosen.contains(index)).collect();
        if !hidden.is_empty() {
            let time = hidden.iter().map(|index| hops[*index].critical).sum();
            let text = format!("   and {} more in --output json", hidden.len());
            lines.push(self.line(&text, Style::Dim, &" ".repeat(self.timeline.width), &self.numbers(time)));
        }
        lines
    }

    /// Roots, what failed, and what has most time on the path.
    fn chosen(&self, room: usize) -> Vec<usize> {
        let hops = self.timeline.hops;
        let mut order: Vec<usize> = (0..hops.len()).collect();
        order.sort_by_key(|index| {
            let hop = &hops[*index];
            let is_small = hop.critical < self.duration / SMALL;
            let first = hop.errors > 0 || hop.parent < 0;
            (!first, is_small, std::cmp::Reverse(hop.critical), std::cmp::Reverse(hop.duration))
        });
        order.truncate(room);
        order.sort_unstable();
        order
    }

    fn hop(&self, index: usize, roots: &[usize]) -> String {
        let hop = &self.timeline.hops[index];
        let lane = self.lanes.iter().position(|lane| *lane == hop.department);
        let lane = lane.map_or_else(|| "  ".to_owned(), |lane| format!("{:>2}", lane + 1));
        let trace = roots.iter().position(|root| *root == index).map(|number| format!("{} ", mark(number)));
        let failed = if hop.errors > 0 { "✗ " } else { "" };
        let count = if hop.count > 1 { format!(" ×{}", hop.count) } else { String::new() };
        let depth = self.timeline.depths[index].min(8);
        let name = format!(
            "{lane} {:depth$}{}{failed}{} {}{count}",
            "",
            trace.unwrap_or_default(),
            hop.service,
            short(&hop.operation)
        );
        let style = match (hop.errors > 0, is_on_path(hop)) {
            (true, _) => Style::Red,
            (false, true) => Style::Plain,
            (false, false) => Style::Dim,
        };
        let bar = paint(&self.timeline.cells(|of| of == index), self.screen);
        let numbers = if hop.critical > 0 { self.numbers(hop.critical) } else { String::new() };
        self.line(&name, style, &bar, &numbers)
    }
}

fn mark(number: usize) -> char {
    CIRCLED.get(number).copied().unwrap_or('◦')
}

/// A method without the package that its service is in: `bank.core.v1.Ledger/Book` is `Ledger/Book`.
fn short(operation: &str) -> &str {
    match operation.split_once('/') {
        Some((service, _)) if !service.is_empty() && !service.contains(' ') => {
            &operation[service.rfind('.').map_or(0, |dot| dot + 1)..]
        }
        _ => operation,
    }
}
