//! Forward, back, forward again: the same schema, as `pg_dump` sees it.

use std::path::Path;
use std::process::Command;

use schema::migrate::Migrator;
use schema::roles::RolesFile;
use schema::session::Session;
use schema::testing::{TestDb, dump_program};

fn dump(program: &Path, db: &TestDb) -> String {
    let done = Command::new(program).args(["--schema-only", "--dbname"]).arg(db.url("superuser")).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // Some releases frame a dump with a random word.
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_down_undoes_its_up() {
    let Some(program) = dump_program() else {
        return;
    };
    let db = TestDb::bootstrapped();
    let managed = RolesFile::default().managed();
    let mut session = Session::connect(&db.url("govrnanza_admin")).unwrap();
    let mut migrator = Migrator::connect(&db.url("govrnanza_admin"), 1000).unwrap();
    assert_eq!(migrator.pending(schema::MIGRATIONS).unwrap().len(), schema::MIGRATIONS.len());
    let mut before = dump(&program, &db);
    for script in schema::MIGRATIONS {
        migrator.run(script, &mut session, &managed).unwrap();
        let up = dump(&program, &db);
        assert_ne!(up, before, "{} does nothing", script.name);
        migrator.revert(script).unwrap();
        assert_eq!(dump(&program, &db), before, "{}: down.sql leaves something", script.name);
        migrator.run(script, &mut session, &managed).unwrap();
        assert_eq!(dump(&program, &db), up, "{}: not the same the second time", script.name);
        before = up;
    }
    assert!(migrator.pending(schema::MIGRATIONS).unwrap().is_empty());
    for script in schema::MIGRATIONS.iter().rev() {
        migrator.revert(script).unwrap();
    }
    assert_eq!(migrator.pending(schema::MIGRATIONS).unwrap().len(), schema::MIGRATIONS.len());
}

#[test]
fn names_say_whose_they_are() {
    for script in schema::MIGRATIONS {
        assert!(schema::SERVICES.contains(&script.service()), "{}", script.name);
        let foreign = schema::SERVICES.iter().filter(|service| **service != script.service());
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
