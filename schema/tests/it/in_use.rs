//! Rights that are in use are revoked only with --force.

use std::process::{Command, Output};

use schema::drift::{self, Options};
use schema::roles::RolesFile;
use schema::testing::{TestCluster, dump_program};

use crate::other::{FILE, shop};
use crate::support::connect;

const READ: &str = "set role sales_app; select count(*) from stock.items; reset role";

#[test]
fn what_is_in_use_is_taken_away_only_by_force() {
    if dump_program().is_none() {
        return;
    }
    let cluster = TestCluster::bare();
    let url = shop(&cluster);
    let options = Options { file: RolesFile::new(FILE), ..Options::default() };
    drift::converge(&url, &options, &[]).unwrap();
    let mut superuser = connect(&url);
    let by_hand = "create extension pg_stat_statements;
        grant usage on schema stock to sales_app; grant select on stock.items to sales_app;
        grant select on sales.orders to stock_app";
    superuser.batch_execute(by_hand).unwrap();
    superuser.batch_execute(READ).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), FILE).unwrap();
    let apply = |force: &[&str]| -> Output {
        Command::new(env!("CARGO_BIN_EXE_dba"))
            .args(["roles", "apply", "--yes", "--database-url", &url, "--roles"])
            .arg(file.path())
            .args(force)
            .output()
            .unwrap()
    };

    let refused = apply(&[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("in use: sales_app"), "{said}");
    assert!(said.contains("stock.items"), "{said}");
    assert!(!said.contains("in use: stock_app"), "it has read nothing: {said}");
    superuser.batch_execute(READ).unwrap();

    apply(&["--force"]);
    superuser.batch_execute(READ).unwrap_err();
}
