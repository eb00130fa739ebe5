//! What keeps the folder readable.

use std::fs;
use std::path::{Path, PathBuf};

use schema::testing::TestDb;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, end, found);
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
}

#[test]
fn generated_files_are_what_the_catalogue_says() {
    let db = TestDb::new();
    let differing = schema::generate::rewrite(&db.url("superuser"), &root(), true).unwrap();
    assert!(differing.is_empty(), "`cargo dba schema` rewrites {differing:?}");
}

#[test]
fn sql_is_qualified_and_in_four_space_indent() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = vec![root().join("db-roles.sql")];
    for folder in ["migrations", "views", "cross-keys"] {
        files(&here.join(folder), ".sql", &mut all);
    }
    assert!(all.len() > 30);
    for file in all {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}", file.display(), number + 1);
            assert!(!line.contains('\t') && !line.ends_with(' '), "{place}: a tab, or a space at the end");
            let indent = line.len() - line.trim_start().len();
            assert!(indent % 4 == 0, "{place}: indent of {indent}");
            let code = line.split("--").next().unwrap_or_default();
            for word in ["create table ", "alter table ", "drop table ", "create or replace view "] {
                let name = code.split(word).nth(1).unwrap_or(".");
                assert!(name.split_whitespace().next().unwrap_or_default().contains('.'), "{place}: not qualified");
            }
        }
    }
}
