//! The cases of the contract that need others' changes, with Account, Profile and Registry in this process.

use behaviour::{HttpFixture, Urls, World};
use kit::testing::{common, spawn_with};

use crate::here::Here;

#[test]
fn the_suite_beside_its_neighbours() {
    let here = Here::new();
    let of = |service: &str| {
        let url = |side: &str| here.db.url(&format!("{service}_{side}"));
        common(url("reader"), url("writer"))
    };
    let keys = account::Settings { jwt_signing_key: account::keys::generate().ok(), ..account::Settings::default() };
    let account = spawn_with::<account::Account>(of("account"), keys).unwrap();
    let profile = spawn_with::<profile::Service>(of("profile"), kit::NoSettings {}).unwrap();
    let registry = spawn_with::<registry::Registry>(of("registry"), kit::NoSettings {}).unwrap();
    let notification = here.start();
    let urls = Urls {
        account: Some(account.url.clone()),
        profile: Some(profile.url.clone()),
        registry: Some(registry.url.clone()),
        billing: None,
        notification: Some(notification.url.clone()),
    };
    let cases = behaviour::notification::watching();
    behaviour::run(&World::new(urls.clone(), HttpFixture::new(&urls)), &cases);
}
