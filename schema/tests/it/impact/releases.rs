//! `dba impact --base --head`: what the old release sends, on the schema of the new one.

use std::path::Path;
use std::process::Command;

use schema::cluster::binaries::client_tool;
use schema::session::Session;
use schema::testing::needs;

use super::shop::Shop;
use crate::support::{connect, said, texts};

/// The migrations of a release are all files in their order; each may be run again.
const MIGRATE: &str =
    "for file in migrations/*.sql; do PSQL -X -q -v ON_ERROR_STOP=1 -f $file \"$DATABASE_URL\" || exit 1; done";

/// Sends what is in the old release's file, as a login of a service.
const WORKLOAD: &str = "PSQL -X -q -v ON_ERROR_STOP=1 -f workload.sql \"$DATABASE_URL\"";

const FIRST: &str = "create table if not exists public.bills (id int primary key, total int, note text);
insert into public.bills values (1, 10), (2, 20) on conflict do nothing; grant select, insert on public.bills to sales_app;";

const SENT: &str = "set role sales_app; select id, total from public.bills where id = 1; insert into public.bills (id, total) values (3, 30);";

fn git(folder: &Path, words: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]);
    let done = git.args(words).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A release: its files, a commit, a tag.
fn release(folder: &Path, tag: &str, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        std::fs::write(folder.join(name), text).unwrap();
    }
    git(folder, &["add", "."]);
    git(folder, &["commit", "--quiet", "--message", tag]);
    git(folder, &["tag", tag]);
}

#[test]
fn what_the_old_release_sends_is_judged_on_the_schema_of_the_new_one() {
    let shop = Shop::new();
    let tool = client_tool("psql", &mut Session::connect(&shop.url()).unwrap());
    let Some(psql) = needs(tool) else { return };
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    git(here, &["init", "--quiet", "--initial-branch", "main"]);
    release(here, "old", &[("migrations/1.sql", FIRST), ("workload.sql", SENT)]);
    // Not what is judged: the new release's own statements.
    let own = ("workload.sql", "set role sales_app; select id, amount from public.bills");
    let step = |sql: &'static str| [("migrations/2.sql", sql), own];
    release(here, "harmless", &step("alter table public.bills add column if not exists due date"));
    release(here, "harmful", &step("alter table public.bills rename column total to amount"));
    release(here, "wrong", &step("alter table nothing add column due date"));

    let [migrate, workload] = [MIGRATE, WORKLOAD].map(|text| text.replace("PSQL", psql.to_str().unwrap()));
    let ask = |base: &str, head: &str, workload: &str| {
        let mut dba = Command::new(env!("CARGO_BIN_EXE_dba"));
        dba.args(["impact", "--base", base, "--head", head, "--migrate", &migrate, "--workload", workload]);
        said(&dba.current_dir(here).env("DATABASE_URL", shop.url()).output().unwrap())
    };
    let (code, text, error) = ask("old", "harmless", &workload);
    assert_eq!(code, 0, "{text}{error}");
    assert!(text.contains("2 statements judged, 0 not") && text.contains("verdict: SAFE"), "{text}");
    let (code, text, _) = ask("old", "harmful", &workload);
    assert_eq!(code, 1, "{text}");
    for part in ["sales_app  select id, total from public.bills where id = $1", "42703", "verdict: BREAKS"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (code, text, _) = ask("old", "wrong", &workload);
    assert!(code == 1 && text.contains("verdict: REFUSED"), "{text}");
    let (code, _, error) = ask("old", "never", &workload);
    assert!(code == 2 && error.contains("unknown reference never"), "{error}");
    let (code, _, error) = ask("wrong", "old", &workload);
    assert!(code == 3 && error.contains("--migrate of wrong, before the change"), "{error}");
    let (code, _, error) = ask("old", "harmless", "true");
    assert!(code == 3 && error.contains("--workload sent nothing"), "{error}");

    let left = texts(&mut connect(&shop.url()), "select datname::text from pg_database where datname like 'dba%'");
    assert!(left.is_empty(), "{left:?}");
}
