//! Who may do what, as a text that a review sees change. `UPDATE_GOLDEN=1` writes it anew.

use std::collections::BTreeMap;
use std::path::Path;

use schema::roles::RolesFile;
use schema::session::Session;
use schema::state::State;
use schema::testing::TestDb;

use crate::support::{connect, texts};

#[test]
fn rights_are_those_of_grants_txt() {
    let db = TestDb::new();
    let now = listing(&db);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/grants.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &now).unwrap();
    }
    let before = std::fs::read_to_string(&golden).unwrap_or_default();
    let (new, old): (Vec<_>, Vec<_>) = (
        now.lines().filter(|line| !before.lines().any(|l| l == *line)).collect(),
        before.lines().filter(|line| !now.lines().any(|l| l == *line)).collect(),
    );
    assert!(
        now == before,
        "rights differ from grants.txt (UPDATE_GOLDEN=1 accepts them)\nnew: {new:#?}\ngone: {old:#?}"
    );
}

/// One line for each role and object.
fn listing(db: &TestDb) -> String {
    let managed = RolesFile::default().managed();
    let mut session = Session::connect(&db.url("govrnanza_admin")).unwrap();
    let state = State::read(&mut session, &managed, "govrnanza_admin").unwrap();
    let mut lines = vec!["# Roles".to_owned()];
    for (name, role) in &state.roles {
        // Limits of connections are lifted in test clusters; limits.rs tests them.
        let attributes = role.attributes.split(" connection limit").next().unwrap_or_default();
        let settings: Vec<_> = role.settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let groups: Vec<_> = role.member_of.iter().map(|of| format!("in {of}")).collect();
        lines.push([vec![name.clone(), attributes.to_owned()], groups, settings].concat().join("  "));
    }
    lines.push("\n# Rights: role, object, privileges".to_owned());
    let mut bundles: BTreeMap<(String, String, String), BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for right in state.given() {
        let object = if right.kind == "database" { "govrnanza".to_owned() } else { right.object.clone() };
        let kind = if right.kind == "default" { format!("default of {} for", right.owner) } else { right.kind.clone() };
        let columns = bundles
            .entry((right.grantee.clone(), kind, object))
            .or_default()
            .entry(right.privilege.clone())
            .or_default();
        if !right.column.is_empty() {
            columns.push(right.column.clone());
        }
    }
    for ((who, kind, object), rights) in bundles {
        let rights: Vec<_> = rights
            .iter()
            .map(
                |(right, columns)| {
                    if columns.is_empty() { right.clone() } else { format!("{right}({})", columns.join(", ")) }
                },
            )
            .collect();
        lines.push(format!("{who}  {kind} {object}  {}", rights.join(" ")));
    }
    lines.push("\n# Given by the superuser".to_owned());
    lines.extend(texts(
        &mut connect(&db.url("superuser")),
        "select format('%s  routine %s  %s', a.grantee::regrole, p.oid::regprocedure, a.privilege_type)
         from pg_proc p cross join aclexplode(p.proacl) a where a.grantee >= 16384 and p.proowner = 10
         union all
         select format('%s  table %s  %s', a.grantee::regrole, c.oid::regclass, a.privilege_type)
         from pg_class c cross join aclexplode(c.relacl) a where a.grantee >= 16384 and c.relowner = 10 order by 1",
    ));
    lines.join("\n") + "\n"
}
