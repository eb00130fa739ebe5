//! Edits of real files, made in a scratch copy, so that what a wish touches is counted and not guessed.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Failure;

/// Replaces a text in a file, everywhere it stands. `{before}` in `to` is the word that stands before it.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    /// Below the root of the source tree.
    pub file: &'static str,
    /// What stands there.
    pub from: &'static str,
    /// What shall stand there.
    pub to: &'static str,
}

/// A file that was edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Touched {
    /// Below the root of the source tree.
    pub file: String,
    /// Lines that are new or other than before.
    pub lines: usize,
}

/// Edited copies.
#[derive(Debug)]
pub struct Edited(BTreeMap<&'static str, (String, String)>);

/// Edits copies of the files below `root`; they themselves stay as they are.
pub fn apply(root: &Path, edits: &[Edit]) -> Result<Edited, Failure> {
    let mut files: BTreeMap<&'static str, (String, String)> = BTreeMap::new();
    for edit in edits {
        if !files.contains_key(edit.file) {
            let path = root.join(edit.file);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Failure::could_not_run(format!("{} can't be read: {error}.", path.display())))?;
            files.insert(edit.file, (text.clone(), text));
        }
        let Some((_, text)) = files.get_mut(edit.file) else {
            continue;
        };
        if !text.contains(edit.from) {
            return Err(Failure::could_not_run(format!(
                "{} has moved on: {:?} no longer stands in it, so this story must be told anew.",
                edit.file, edit.from
            )));
        }
        *text = replaced(text, edit);
    }
    Ok(Edited(files))
}

fn replaced(text: &str, edit: &Edit) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(edit.from) {
        let word = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
        out.push_str(before);
        out.push_str(&edit.to.replace("{before}", word));
        rest = after;
    }
    out + rest
}

impl Edited {
    /// The new text of a file.
    pub fn text(&self, file: &str) -> Result<&str, Failure> {
        let found = self.0.get(file).map(|(_, text)| text.as_str());
        found.ok_or_else(|| Failure::could_not_run(format!("{file} was not edited.")))
    }

    /// Which files, and how much of them.
    pub fn touched(&self) -> Vec<Touched> {
        let lines = |(before, after): &(String, String)| {
            let old: std::collections::BTreeSet<&str> = before.lines().collect();
            after.lines().filter(|line| !line.is_empty() && !old.contains(line)).count()
        };
        self.0.iter().map(|(file, texts)| Touched { file: (*file).to_owned(), lines: lines(texts) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_edited_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "x b.t, c.t\ny\n").unwrap();
        let edits =
            [Edit { file: "a", from: ".t", to: ".t, {before}.u" }, Edit { file: "a", from: "y\n", to: "y\nz\n" }];
        let edited = apply(folder.path(), &edits).unwrap();
        assert_eq!(edited.text("a").unwrap(), "x b.t, b.u, c.t, c.u\ny\nz\n");
        assert_eq!(edited.touched(), [Touched { file: "a".into(), lines: 2 }]);
        assert_eq!(std::fs::read_to_string(folder.path().join("a")).unwrap(), "x b.t, c.t\ny\n");
        let gone = apply(folder.path(), &[Edit { file: "a", from: "nowhere", to: "" }]).unwrap_err();
        assert!(gone.to_string().contains("has moved on"), "{gone}");
    }
}
