//! Forward, back, forward again: the same schema, as `pg_dump` sees it.

use std::process::Command;

use schema::cluster::binaries::Binaries;
use schema::migrate::{Migrator, scripts};
use schema::roles::RolesFile;
use schema::session::Session;
use schema::testing::TestDb;

fn dump(db: &TestDb) -> String {
    let program = Binaries::find(None).unwrap().folder.join("pg_dump");
    let done = Command::new(&program)
        .args(["--schema-only", "--dbname"])
        .arg(db.url("superuser"))
        .output();
    let done =
        done.unwrap_or_else(|error| panic!("this test needs {}: {error}", program.display()));
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    // Some releases frame a dump with a random word.
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines()
        .filter(|line| !line.contains("restrict "))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_down_undoes_its_up() {
    let db = TestDb::bootstrapped();
    let managed = RolesFile::default().managed();
    let mut session = Session::connect(&db.url("govrnanza_admin")).unwrap();
    let mut migrator = Migrator::connect(&db.url("govrnanza_admin"), 1000).unwrap();
    assert_eq!(migrator.pending(scripts()).unwrap().len(), scripts().len());
    let mut before = dump(&db);
    for script in scripts() {
        migrator.run(script, &mut session, &managed).unwrap();
        let up = dump(&db);
        assert_ne!(up, before, "{} does nothing", script.name);
        migrator.revert(script).unwrap();
        assert_eq!(
            dump(&db),
            before,
            "{}: down.sql leaves something",
            script.name
        );
        migrator.run(script, &mut session, &managed).unwrap();
        assert_eq!(
            dump(&db),
            up,
            "{}: not the same the second time",
            script.name
        );
        before = up;
    }
    assert!(migrator.pending(scripts()).unwrap().is_empty());
    for script in scripts().iter().rev() {
        migrator.revert(script).unwrap();
    }
    assert_eq!(migrator.pending(scripts()).unwrap().len(), scripts().len());
}

#[test]
fn names_say_whose_they_are() {
    for script in scripts() {
        assert!(
            schema::SERVICES.contains(&script.service()),
            "{}",
            script.name
        );
        let foreign = schema::SERVICES
            .iter()
            .filter(|service| **service != script.service());
        for other in foreign {
            let code: String = script
                .up
                .lines()
                .filter(|line| !line.trim_start().starts_with("--") && !line.starts_with("comment"))
                .collect();
            let touches = code.contains(&format!(" {other}."));
            assert!(
                !touches || script.up.starts_with("--"),
                "{} touches {other}, and its first line doesn't say why",
                script.name
            );
        }
    }
}
