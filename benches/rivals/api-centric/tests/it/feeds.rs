//! The four feeds, polled: nothing lost and nothing told twice while anybody is away.

use behaviour::assert::eventually;
use behaviour::{Tenant, Value, json};
use uuid::Uuid;

use crate::relay::Mood;
use crate::town::{Plan, Town};

/// A tenant whose member watches a domain.
struct Scene<'a> {
    town: &'a Town,
    tenant: Tenant,
    domain: Uuid,
}

impl<'a> Scene<'a> {
    fn new(town: &'a Town) -> Self {
        let tenant = town.world.tenant("enterprise");
        let registry = town.api("registry");
        let domain = registry.post(&tenant.path("/domains")).token(&tenant.admin_token);
        let domain = domain.json(&json!({"name": "Watched"})).send().expect(201).id();
        let watch = registry.post(&tenant.path("/watches")).token(&tenant.member_token);
        watch.json(&json!({"kind": "domain", "targetId": domain})).send().expect(201);
        Self { town, tenant, domain }
    }

    /// The admin changes the domain's description.
    fn change(&self, description: &str) {
        let (registry, path) = (self.town.api("registry"), self.tenant.path(&format!("/domains/{}", self.domain)));
        let etag = registry.get(&path).token(&self.tenant.admin_token).send().expect(200).etag();
        let patch = registry.patch(&path).token(&self.tenant.admin_token).if_match(&etag);
        patch.json(&json!({"description": description})).send().expect(200);
    }

    /// How often the member was told of the domain's changes.
    fn told(&self) -> usize {
        let path = self.tenant.path("/notifications");
        let all = behaviour::assert::pages(&self.town.api("notification"), &path, &self.tenant.member_token, 200);
        let changed = |item: &&Value| item["kind"] == "domainModified";
        all.iter().filter(changed).count()
    }

    fn told_in_time(&self, times: usize) {
        eventually("the member is told", || (self.told() >= times).then_some(()));
        assert_eq!(self.told(), times, "told twice");
    }
}

#[test]
fn changes_are_told_once_and_wait_for_whoever_is_away() {
    let town = Town::new(Plan::default());
    let scene = Scene::new(&town);
    scene.change("first");
    scene.told_in_time(1);
    for (away, described) in [("registry", "b"), ("profile", "c"), ("account", "d")] {
        let before = scene.told();
        let mood = if away == "registry" { Mood::Rubbish } else { Mood::Stopped };
        town.relays[away].is(mood);
        scene.change(described);
        // The feed has been looked for while it could not be had.
        let waits = || metric(&town, "the feed waits");
        let first = waits();
        eventually("the feed waits", || (waits() > first + 2).then_some(()));
        assert_eq!(scene.told(), before, "{away} is away: nobody is told, not fewer");
        town.relays[away].is(Mood::Well);
        scene.told_in_time(before + 1);
    }
}

fn metric(town: &Town, rule: &str) -> u64 {
    let metrics = town.api("notification").root("/metrics").send().text();
    let lines = metrics.lines().filter(|line| line.starts_with("edge_degraded_total") && line.contains(rule));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}
