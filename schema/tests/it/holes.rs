//! An attack that is refused proves something only if it would succeed through the hole: each is planted, and the same attack must get through. In
//! a cluster of its own, for some holes are in roles.

use schema::attack::{self, ATTACKS, Field, holes};
use schema::drift::{self, Options};
use schema::roles::RolesFile;
use schema::testing::TestCluster;

use crate::support::connect;

#[test]
fn every_attack_gets_through_its_hole() {
    let cluster = TestCluster::ephemeral();
    let file = RolesFile::default();
    let url = cluster.url("govrnanza", "superuser");
    let field =
        Field { superuser: &url, file: &file, password: &|login| cluster.passwords().get(login).map(str::to_owned) };
    let planted = attack::self_test(&field, "registry_reader").unwrap();
    let blind: Vec<_> = planted.iter().filter(|one| one.through == 0).collect();
    assert!(blind.is_empty(), "the hole is planted, and the attack is still refused: {blind:#?}");
    for attack in ATTACKS.iter().filter(|attack| !attack.refused.is_empty()) {
        let has = planted.iter().any(|one| one.name == attack.name);
        assert!(has || holes::NO_HOLE.contains(&attack.name), "{} has no hole", attack.name);
    }
    // It cleans up after itself.
    let (tried, _) = attack::run(&field).unwrap();
    let open: Vec<_> = tried.iter().filter(|one| !one.otherwise.is_empty()).collect();
    assert!(open.is_empty(), "{open:#?}");
    assert_eq!(drift::check(&url, &Options::default()).unwrap().findings, vec![]);
}

/// What somebody opened by hand, `dba roles apply` closes: all of it, also what lies outside our schemas.
#[test]
fn one_apply_closes_all_holes() {
    let cluster = TestCluster::ephemeral();
    let url = cluster.url("govrnanza", "superuser");
    let file = RolesFile::default();
    let mut session = schema::session::Session::connect(&url).unwrap();
    let targets = attack::Targets::read(&mut session, &file).unwrap();
    let mut superuser = connect(&url);
    for (name, hole) in holes::HOLES {
        let attack = ATTACKS.iter().find(|attack| attack.name == *name).unwrap();
        let planted = targets.holes(attack, hole, "registry_reader").join("; ");
        superuser
            .batch_execute(&planted.replace("create schema public", "create schema if not exists public"))
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
    let (done, left) = drift::converge(&url, &Options::default(), &[]).unwrap();
    assert!(done.len() > 100, "{done:#?}");
    assert_eq!(left.findings, vec![]);
    superuser.batch_execute("drop schema public").unwrap();
    let field =
        Field { superuser: &url, file: &file, password: &|login| cluster.passwords().get(login).map(str::to_owned) };
    let (tried, _) = attack::run(&field).unwrap();
    let open: Vec<_> = tried.iter().filter(|one| !one.otherwise.is_empty()).collect();
    assert!(open.is_empty(), "{open:#?}");
}
