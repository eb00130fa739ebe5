//! Tables of text for people. For scripts there is `--format json`.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// A table without borders, its columns two spaces apart. A heading that starts with `>` aligns its column to the right. Without headings there
/// is no first line.
#[must_use]
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if !headings.is_empty() {
        table.set_header(headings.iter().map(|heading| heading.trim_start_matches('>')));
    }
    table.add_rows(rows);
    for (column, at) in table.column_iter_mut().zip(0..) {
        column.set_padding((0, 2));
        if headings.get(at).is_some_and(|heading| heading.starts_with('>')) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_aligned_and_no_line_ends_with_a_space() {
        let rows = [("accounts", 5), ("till", 12)]
            .map(|(name, count)| vec![name.to_owned(), count.to_string(), "x".to_owned()]);
        assert_eq!(
            table(&["service", ">calls", ""], rows.clone()),
            "service   calls\naccounts      5  x\ntill         12  x"
        );
        assert_eq!(table(&[], rows), "accounts  5   x\ntill      12  x");
    }
}
