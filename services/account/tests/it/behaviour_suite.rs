//! The contract as assertions over base URLs: the same that any other implementation has to pass.

use behaviour::json;
use behaviour::table::{Table, Victim};

use crate::here::Here;

#[test]
fn account_behaves_as_its_suite_says() {
    let here = Here::new();
    behaviour::run(&here.world, &behaviour::account::suite());
}

#[test]
fn every_operation_passes_the_table() {
    let here = Here::new();
    let tenant = here.world.tenant("team");
    // Two pages of everything, so that each list has a cursor to misuse.
    let victim = Victim {
        ids: vec![("id".into(), tenant.member_login.to_string()), ("code".into(), "team".into())],
        secrets: vec![
            tenant.name.clone(),
            tenant.member_login.to_string(),
            tenant.admin_profile.to_string(),
            tenant.member_profile.to_string(),
        ],
        bodies: vec![("update_login".into(), json!({"scope": "member", "profileId": tenant.member_profile}))],
        tenant,
    };
    Table::new(&here.world, "account", victim).all();
}
