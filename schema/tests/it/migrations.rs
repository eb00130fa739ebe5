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

#[test]
fn texts_in_two_forms_become_one_or_are_left_and_never_stop_a_migration() {
    let db = TestDb::new();
    let mut session = Session::connect(&db.url("superuser")).unwrap();
    let mut migrator = Migrator::connect(&db.url("govrnanza_admin"), 1000).unwrap();
    let scripts: Vec<_> =
        schema::MIGRATIONS.iter().filter(|script| script.name.ends_with("_normalize_texts")).collect();
    assert_eq!(scripts.len(), 3);
    for script in scripts.iter().rev() {
        migrator.revert(script).unwrap();
    }
    let id = |n: u32| format!("'00000000-0000-0000-0000-{n:012}'");
    let organisation = |n: u32, name: &str| {
        format!("insert into account.organisations values ({}, '{name}', 'free', 1, now(), now());", id(n))
    };
    let domain = |n: u32, name: &str| {
        format!("insert into registry.domains values ({}, {}, '{name}', null, null, 1, now(), now());", id(1), id(n))
    };
    let person = |n: u32, email: &str| {
        format!(
            "insert into profile.profiles values ({}, {}, 'Zoe\u{308}', null, '{email}', 'UTC', null, 1, now(), now());",
            id(1),
            id(n)
        )
    };
    let api = format!(
        "insert into registry.sub_domains values ({org}, {sub}, {domain}, 'e\u{301}', null, 1, now(), now());
        insert into registry.apis values ({org}, {api}, {sub}, 'e\u{301}', null, null, null, null, 1, now(), now());
        insert into registry.api_tags values ({org}, {api}, 'e\u{301}'), ({org}, {api}, '\u{e9}'), ({org}, {api}, 'o\u{308}');",
        org = id(1),
        domain = id(3),
        sub = id(5),
        api = id(6)
    );
    let old = [
        organisation(1, "Cafe\u{301}"),
        organisation(2, "CAF\u{c9}"),
        organisation(7, "Noe\u{308}l"),
        domain(3, "e\u{301}"),
        domain(4, "o\u{308}"),
        person(8, "e\u{301}@x.example"),
        person(9, "\u{e9}@x.example"),
        api,
    ];
    session.run(&old.concat(), "what is stored").unwrap();
    let options = schema::ApplyOptions { connection_limits: false, ..schema::ApplyOptions::default() };
    let report = schema::apply(&db.url("govrnanza_admin"), &options).unwrap();
    assert_eq!(report.migrations, scripts.iter().map(|script| script.name).collect::<Vec<_>>());
    let id_of = |n| id(n).trim_matches('\'').to_owned();
    let left = [
        format!("account.organisations ({},Cafe\u{301})", id_of(1)),
        format!("profile.profiles ({},e\u{301}@x.example)", id_of(8)),
    ];
    assert_eq!(report.left, left, "named, for somebody to decide");
    let mut texts = |query: &str| session.texts(query).unwrap();
    assert_eq!(
        texts("select name from account.organisations order by id"),
        ["Cafe\u{301}", "CAF\u{c9}", "No\u{eb}l"],
        "the first stays as it is: the second has its name"
    );
    assert_eq!(texts("select name from registry.domains order by id"), ["\u{e9}", "\u{f6}"]);
    assert_eq!(texts("select name from registry.apis"), ["\u{e9}"]);
    assert_eq!(texts("select tag from registry.api_tags order by tag collate \"C\""), ["\u{e9}", "\u{f6}"]);
    assert_eq!(texts("select email from profile.profiles order by id"), ["e\u{301}@x.example", "\u{e9}@x.example"]);
}
