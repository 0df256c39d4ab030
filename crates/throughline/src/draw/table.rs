//! Columns of text: the first ones to the left, numbers to the right.

/// Longest text of a cell; what is longer is cut.
const WIDEST: usize = 48;

/// A table with a head. Columns from `numbers` on are set to the right.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>], numbers: usize) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| cut(&one_line(cell), WIDEST)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|name| name.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells =
            cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column < numbers {
                true => format!("{cell:<width$}"),
                false => format!("{cell:>width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head: Vec<_> = head.iter().map(|name| (*name).to_owned()).collect();
    std::iter::once(line(&head)).chain(rows.iter().map(|row| line(row))).collect::<Vec<_>>().join("\n")
}

/// A cell stays in its row, whatever a name holds.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '\t'], " ")
}

/// At most `width` characters.
pub(crate) fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows =
            [vec!["core-banking".to_owned(), "2.1 s".to_owned()], vec!["ä".to_owned(), "15 ms".to_owned()]];
        assert_eq!(
            table(&["department", "time"], &rows, 1),
            "department     time\ncore-banking  2.1 s\nä             15 ms"
        );
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(table(&["service"], &[vec!["a\nb".to_owned()]], 1), "service\na b");
    }
}
