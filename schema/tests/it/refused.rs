//! What is asked for wrongly isn't answered: exit code 2, and one sentence that says what there is.

use schema::testing::TestDb;

use crate::support::{dba, said};

/// Asks, and must be refused in one sentence with these words in it.
#[track_caller]
fn refused(db: &TestDb, words: &[&str], parts: &[&str]) {
    let (code, text, error) = said(&dba(&db.url("superuser"), words));
    assert_eq!((code, text.as_str()), (2, ""), "{words:?}: {text}{error}");
    assert_eq!(error.lines().count(), 1, "{words:?}: {error}");
    for part in parts {
        assert!(error.contains(part), "{words:?}: no {part:?} in {error}");
    }
}

#[test]
fn files_and_numbers_that_say_nothing() {
    let db = TestDb::new();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (name, text) in [
        ("empty.sql", ""),
        ("none.sql", "grant usage on schema registry to somebody;\n"),
        ("other.sql", "-- == services ==\ncreate role x nologin;\n"),
    ] {
        let file = write(name, text);
        for command in ["check", "plan", "apply"] {
            refused(
                &db,
                &["roles", command, "--roles", &file],
                &[name, "create role"],
            );
        }
    }
    for day in [
        "2027-13-45",
        "2027-02-29",
        "2027-04-31",
        "2027-00-01",
        "2027-01-00",
    ] {
        let file = write("allow", &format!("# why\n{day} a key -- a reason\n"));
        refused(&db, &["roles", "check", "--allow", &file], &["line 2", day]);
    }
    for ratio in ["NaN", "inf", "0", "-1"] {
        let from = format!("--slower-from={ratio}");
        refused(&db, &["impact", "select 1", &from], &["--slower-from"]);
    }
}
