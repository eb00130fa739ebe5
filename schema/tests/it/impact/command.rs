//! `dba impact` and `dba record` as they are typed.

use std::path::Path;

use schema::impact::{Impact, Verdict};
use schema::record::{Counted, Recording};

use super::shop::Shop;
use crate::support::{connect, dba, said, texts};

fn write(path: &Path, text: &str) -> String {
    std::fs::write(path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn exit_codes_text_json_and_files() {
    let shop = Shop::new();
    let folder = tempfile::tempdir().unwrap();
    let queries = folder.path().join("queries");
    std::fs::create_dir(&queries).unwrap();
    write(
        &queries.join("sales_app.sql"),
        "select name from shown.items where id = $1;\nselect quantity from orders where id = $1;",
    );
    write(&queries.join("more.sql"), "-- role: ledger_app\nselect id from shown.gold;");
    let queries = queries.to_str().unwrap();
    let migration =
        write(&folder.path().join("m.sql"), "begin;\nset local lock_timeout = '1s';\ndrop view shown.gold;\ncommit;\n");
    let ask = |words: &[&str]| said(&dba(&shop.url(), &[&["impact", "--statements", queries], words].concat()));

    let (code, text, _) = ask(&["alter table stock.items add column more text"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("locks table stock.items: AccessExclusiveLock") && text.ends_with("verdict: SAFE\n"),
        "{text}"
    );
    let (code, text, error) = ask(&["-f", &migration, "--as", "stock_views", "--format", "json"]);
    let impact: Impact = serde_json::from_str(&text).unwrap();
    assert_eq!((code, impact.verdict, impact.services.len()), (1, Verdict::Breaks, 2), "{error}");
    assert_eq!(impact.steps.len(), 2);
    let (code, text, error) = ask(&["alter table stock.items drop column tier"]);
    assert!(
        code == 1
            && text.contains("Postgres refuses the change")
            && text.contains("shown.gold")
            && error.contains("refuses"),
        "{text}{error}"
    );
    let (code, text, _) = ask(&["drop view shown.gold", "--format", "markdown"]);
    assert_eq!(code, 1, "{text}");
    for line in [
        "### `dba impact`: BREAKS",
        "| service | verdict | statements judged | affected |",
        "| ledger | BREAKS | 1 | 1 |",
        "| BREAKS | `ledger_app` | 0 | `select id from shown.gold` | 42P01 relation \"shown.gold\" does not exist |",
        "- `ledger_app` (ledger): SELECT on `shown.gold`, which is dropped",
        "</details>",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    for (words, why) in [
        (vec!["--on", "live", "drop view shown.gold"], "--accept-locks"),
        (vec!["--on", "live", "--accept-locks", "--queue", "drop view shown.gold"], "only measured on a clone"),
        (vec!["; -- nothing"], "no statement"),
        (vec!["-f", "/nowhere.sql"], "can't read"),
        (vec!["--service", "sales", "drop view shown.gold"], "ROLE=SERVICE"),
        (vec!["--rate", "0", "drop view shown.gold"], "--rate"),
    ] {
        let (code, text, error) = ask(&words);
        assert_eq!((code, text.as_str()), (2, ""), "{words:?}: {error}");
        assert!(error.contains(why) && error.lines().count() == 1, "{words:?}: {error}");
    }
    let none = write(&folder.path().join("none.sql"), "-- role: sales_app\nselect nothing from nowhere");
    let (code, _, error) = said(&dba(&shop.url(), &["impact", "drop view shown.gold", "--statements", &none]));
    assert!(code == 3 && error.contains("42P01"), "{error}");
    let left = texts(&mut connect(&shop.url()), "select datname::text from pg_database where datname like 'dba%'");
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_recording_holds_what_was_run_meanwhile_and_nothing_else() {
    let shop = Shop::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("statements.json");
    let out = file.to_str().unwrap();
    let mut superuser = connect(&shop.url());
    let mut sales = connect(&shop.login("sales_app"));
    let run = |client: &mut postgres::Client, times: u64, sql: &str| {
        (0..times).for_each(|_| assert!(client.query(sql, &[&7]).is_ok()));
    };
    run(&mut sales, 3, "select name from items where id = $1");
    let before = Counted::read(&shop.url(), false).unwrap();
    run(&mut sales, 2, "select name from items where id = $1");
    run(&mut sales, 5, "select status from orders where item_id = $1");
    run(&mut superuser, 1, "select status from sales.orders where item_id = $1");
    let recording = before.until(&Counted::read(&shop.url(), false).unwrap(), &[]);
    let seen: Vec<_> =
        recording.statements.iter().map(|one| (one.role.as_str(), one.sql.as_str(), one.calls)).collect();
    assert_eq!(
        seen,
        [
            ("sales_app", "select name from items where id = $1", 2),
            ("sales_app", "select status from orders where item_id = $1", 5)
        ]
    );

    // From another database, whose extension is made for a moment and gone again.
    let elsewhere = shop.cluster().url("postgres", "superuser");
    let all = Counted::read(&elsewhere, true).unwrap();
    assert_eq!(all.until(&all, &[]).statements, []);
    assert!(
        texts(&mut connect(&elsewhere), "select extname::text from pg_extension where extname <> 'plpgsql'").is_empty()
    );

    let record = |words: &[&str]| {
        said(&dba(&shop.url(), &[&["record", "--out", out, "--every-database", "--"], words].concat()))
    };
    let (code, _, error) = record(&["true"]);
    assert!(code == 3 && error.contains("nothing was recorded"), "{error}");
    assert_eq!(record(&["/no/such/command"]).0, 2);
    // The command runs a role's statement, and fails.
    let (code, text, error) = record(&[
        "sh",
        "-c",
        &format!(
            "{} roles explain --database-url '{}' sales_app sales.orders; exit 7",
            env!("CARGO_BIN_EXE_dba"),
            shop.login("ledger_app")
        ),
    ]);
    assert!(code == 1 && error.contains("exit status: 7"), "{text}{error}");
    let written = Recording::load(&file).unwrap();
    assert!(
        !written.statements.is_empty()
            && written.statements.iter().all(|one| one.role == "ledger_app" && one.calls > 0),
        "{written:#?}"
    );
    std::fs::write(&file, serde_json::to_string(&recording).unwrap()).unwrap();
    drop((superuser, sales));
    let (code, text, error) =
        said(&dba(&shop.url(), &["impact", "drop view shown.items cascade", "--statements", out]));
    assert!(code == 1 && text.contains("sales: BREAKS (2 statements judged)"), "{text}{error}");
}
