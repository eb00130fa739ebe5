//! Pieces of Markdown, as GitHub and GitLab render it.

/// A comment of GitHub's holds 65,536 characters.
const MOST: usize = 60_000;

/// A code span that holds any text.
pub fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A row of a table; a bar within a cell would end it.
pub fn row(cells: &[String]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
    format!("| {} |", cells.join(" | "))
}

/// A table.
pub fn table(headings: &[&str], rows: impl Iterator<Item = String>) -> String {
    let head: Vec<_> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let mut lines = vec![row(&head), format!("|{}", "---|".repeat(headings.len()))];
    lines.extend(rows);
    lines.join("\n")
}

/// The answer of a command that has no Markdown of its own.
pub fn block(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}")
}

/// Fits a comment: whole lines, and a note where some were left out.
pub fn fitted(text: &str) -> String {
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut open = 0_usize;
    for line in text.lines() {
        if kept.chars().count() + line.chars().count() > MOST {
            break;
        }
        open += line.matches("<details>").count();
        open -= line.matches("</details>").count().min(open);
        kept.push_str(line);
        kept.push('\n');
    }
    format!("{kept}{}\n\nThe rest doesn't fit a comment; `--format json` has all.", "\n</details>".repeat(open))
}

#[cfg(test)]
mod tests {
    use super::{MOST, code, fitted, row};

    #[test]
    fn any_text_stays_in_its_cell() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("`a``b"), "``` `a``b ```");
        assert_eq!(row(&["a | b\nc".into()]), "| a \\| b c |");
    }

    #[test]
    fn a_comment_is_never_too_long() {
        let long = format!("<details>\n{}</details>", "| ünïcode |\n".repeat(10_000));
        let fits = fitted(&long);
        assert!(fits.chars().count() < MOST + 200 && fits.contains("</details>") && fits.ends_with("has all."));
        assert_eq!(fitted("short"), "short");
    }
}
