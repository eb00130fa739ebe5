//! A table of a result: said once, printed as text here and as HTML by the report.

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, presets};

/// Columns of a terminal at the most: longer cells go on below.
const WIDTH: u16 = 160;

/// A table with what stands above and below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What is shown; empty where what stands around says it.
    pub title: String,
    /// Names of the columns.
    pub head: Vec<String>,
    /// Columns of numbers, which stand to the right.
    pub numbers: std::ops::Range<usize>,
    /// As many cells each as there are columns.
    pub rows: Vec<Vec<String>>,
    /// Sentences below.
    pub notes: Vec<String>,
}

impl Table {
    /// Columns of words, then of numbers, then of words again.
    #[must_use]
    pub fn new(words: &[&str], numbers: &[&str], more: &[&str]) -> Self {
        Self {
            head: [words, numbers, more].concat().into_iter().map(str::to_owned).collect(),
            numbers: words.len()..words.len() + numbers.len(),
            ..Self::default()
        }
    }

    /// Says what is shown.
    #[must_use]
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Adds rows.
    #[must_use]
    pub fn rows<const N: usize>(mut self, rows: impl IntoIterator<Item = [String; N]>) -> Self {
        self.rows.extend(rows.into_iter().map(Vec::from));
        self
    }

    /// Adds a sentence below.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.title.is_empty() {
            writeln!(f, "{}", self.title)?;
        }
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
        table.set_header(&self.head).add_rows(&self.rows);
        for (place, column) in table.column_iter_mut().enumerate() {
            column.set_padding((2, 0));
            if self.numbers.contains(&place) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        // Lines as wide as they are end with blanks in no cell but a filled one.
        table.lines().try_for_each(|line| writeln!(f, "{}", line.trim_end()))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right() {
        let row = |name: &str, ms: &str, verdict: &str| [name, ms, verdict].map(str::to_owned);
        let table = Table::new(&["service"], &["ms"], &["verdict"])
            .titled("Times")
            .rows([row("registry", "1.25", "worse"), row("billing", "12.50", "")])
            .note("Less is better.");
        let wanted =
            "Times\n  service      ms  verdict\n  registry   1.25  worse\n  billing   12.50\nLess is better.\n";
        assert_eq!(table.to_string(), wanted);
    }
}
