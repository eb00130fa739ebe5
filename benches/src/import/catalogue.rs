//! Reading a catalogue: JSON Lines, one API each.

use std::path::Path;

use serde::Deserialize;

use crate::Failure;

/// One line of a catalogue. Fields it doesn't know are left alone: a catalogue may say more than is imported.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Unique in the catalogue; becomes the API's name.
    pub id: String,
    /// Who offers it; becomes the organisation.
    pub provider: String,
    /// A part of what the provider offers; becomes the sub domain.
    pub service: Option<String>,
    /// As its publisher writes it: `1.2.0`, `2018-05-01`, `v1beta`, `latest`.
    pub version: String,
    /// For people.
    pub title: Option<String>,
    /// The first becomes the domain, all become tags.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Version of the OpenAPI format it is described in.
    pub openapi: Option<String>,
    /// How many operations it has.
    pub operations: Option<u64>,
}

/// Reads the whole file before anything is sent, so that a malformed one changes nothing.
pub fn read(path: &Path) -> Result<Vec<Row>, Failure> {
    let bytes =
        std::fs::read(path).map_err(|error| Failure::usage(format!("{} can't be read: {error}.", path.display())))?;
    parse(&bytes).map_err(|(line, reason)| Failure::usage(format!("{}, line {line}: {reason}.", path.display())))
}

/// The rows, or the number of the first bad line and what is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Vec<Row>, (usize, String)> {
    let mut rows = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let row: Row = serde_json::from_slice(line).map_err(|error| (index + 1, explain(&error)))?;
        for (field, value) in [("id", &row.id), ("provider", &row.provider)] {
            if value.trim().is_empty() {
                return Err((index + 1, format!("{field} is empty")));
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// serde_json counts lines within the line it was given: always 1, and misleading beside the file's own number.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or(&text);
    format!("{reason} (column {})", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let good = r#"{"id":"a","provider":"p","version":"1"}"#;
        let reason = |line: &str| parse(format!("{good}\n\n{line}\n{good}").as_bytes()).unwrap_err();
        assert_eq!(reason("{").0, 3);
        assert_eq!(reason(r#"{"id":"a","version":"1"}"#), (3, "missing field `provider` (column 24)".into()));
        assert_eq!(reason(r#"{"id":" ","provider":"p","version":"1"}"#).1, "id is empty");
        assert_eq!(parse(b"\xff\xfe").unwrap_err().0, 1);
    }

    #[test]
    fn what_a_row_may_lack_and_may_have_more() {
        let rows = parse(br#"{"id":"a","provider":"p","version":"1","licence":"x"}"#).unwrap();
        assert_eq!(rows.len(), 1);
        assert!(rows[0].title.is_none() && rows[0].service.is_none() && rows[0].categories.is_empty());
        assert!(parse(b"").unwrap().is_empty());
    }
}
