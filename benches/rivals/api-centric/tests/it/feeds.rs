//! The four feeds, polled: nothing lost and nothing told twice while anybody is away.

use behaviour::assert::eventually;
use behaviour::{Tenant, json};
use uuid::Uuid;

use crate::deployment::{Deployment, Plan};
use crate::relay::Condition;

/// A tenant whose member watches a domain.
struct Scene<'a> {
    deployment: &'a Deployment,
    tenant: Tenant,
    domain: Uuid,
}

impl<'a> Scene<'a> {
    fn new(deployment: &'a Deployment) -> Self {
        let tenant = deployment.world.tenant("enterprise");
        let mut scene = Self { deployment, tenant, domain: Uuid::nil() };
        scene.watch("Watched");
        scene
    }

    /// The member watches a new domain, which is the scene's from now on.
    fn watch(&mut self, name: &str) {
        let (registry, tenant) = (self.deployment.api("registry"), &self.tenant);
        let domain = registry.post(&tenant.path("/domains")).token(&tenant.admin_token);
        self.domain = domain.json(&json!({"name": name})).send().expect(201).id();
        let watch = registry.post(&tenant.path("/watches")).token(&tenant.member_token);
        watch.json(&json!({"kind": "domain", "targetId": self.domain})).send().expect(201);
    }

    /// The admin changes the domain's description.
    fn change(&self, description: &str) {
        let (registry, path) =
            (self.deployment.api("registry"), self.tenant.path(&format!("/domains/{}", self.domain)));
        let etag = registry.get(&path).token(&self.tenant.admin_token).send().expect(200).etag();
        let patch = registry.patch(&path).token(&self.tenant.admin_token).if_match(&etag);
        patch.json(&json!({"description": description})).send().expect(200);
    }

    /// How often the member was told of the domain's changes.
    fn told(&self) -> usize {
        self.told_of("domainModified")
    }

    fn told_of(&self, kind: &str) -> usize {
        let path = self.tenant.path("/notifications");
        let all = behaviour::assert::pages(&self.deployment.api("notification"), &path, &self.tenant.member_token, 200);
        all.iter().filter(|item| item["kind"] == kind).count()
    }

    fn told_in_time(&self, times: usize) {
        eventually("the member is told", || (self.told() >= times).then_some(()));
        assert_eq!(self.told(), times, "told twice");
    }
}

#[test]
fn changes_are_told_once_and_wait_for_whoever_is_away() {
    let deployment = Deployment::new(Plan::default());
    let scene = Scene::new(&deployment);
    scene.change("first");
    scene.told_in_time(1);
    for (away, described) in [("registry", "b"), ("profile", "c"), ("account", "d")] {
        let before = scene.told();
        let condition = if away == "registry" { Condition::Rubbish } else { Condition::Stopped };
        deployment.relays[away].is(condition);
        scene.change(described);
        // The feed has been looked for while it could not be had.
        let waits = || metric(&deployment, "the feed waits");
        let first = waits();
        eventually("the feed waits", || (waits() > first + 2).then_some(()));
        assert_eq!(scene.told(), before, "{away} is away: nobody is told, not fewer");
        deployment.relays[away].is(Condition::Well);
        scene.told_in_time(before + 1);
    }
}

/// Whom it is told to is asked anew for each change: somebody who began to watch a moment ago is told as well.
#[test]
fn with_a_time_to_live_a_new_watcher_is_told() {
    let deployment = Deployment::new(Plan { ttl: Some("60000"), ..Plan::default() });
    let mut scene = Scene::new(&deployment);
    scene.change("first");
    scene.told_in_time(1);
    scene.watch("Watched later");
    scene.change("second");
    scene.told_in_time(2);
}

/// With its target the watch ends, after the change that it is told.
#[test]
fn who_watches_is_told_of_the_deletion() {
    let deployment = Deployment::new(Plan::default());
    let scene = Scene::new(&deployment);
    let (registry, path) = (deployment.api("registry"), scene.tenant.path(&format!("/domains/{}", scene.domain)));
    let etag = registry.get(&path).token(&scene.tenant.admin_token).send().expect(200).etag();
    registry.delete(&path).token(&scene.tenant.admin_token).if_match(&etag).send().expect(204);
    eventually("the member is told", || (scene.told_of("domainDeleted") > 0).then_some(()));
    assert_eq!(scene.told_of("domainDeleted"), 1, "told twice");
}

fn metric(deployment: &Deployment, rule: &str) -> u64 {
    let metrics = deployment.api("notification").root("/metrics").send().text();
    let lines = metrics.lines().filter(|line| line.starts_with("edge_degraded_total") && line.contains(rule));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// What Notification has read goes after 30 days, and a start copies and tells none of it again; what it hasn't read, and what months are
/// billed by, stays.
#[test]
fn copies_that_were_read_long_ago_are_removed_and_not_told_again() {
    let deployment = Deployment::new(Plan { processes: true, ..Plan::default() });
    let scene = Scene::new(&deployment);
    scene.change("first");
    scene.told_in_time(1);
    let mut copies = deployment.connect("notification", "superuser");
    let old = "update published.registry_changes set at = at - interval '31 days'";
    assert!(copies.execute(old, &[]).unwrap() > 0);
    let more = "insert into published.registry_changes (id, xid, at, kind, entity_id, version)
        select -n, case n when 2 then '18446744073709551615' else '3' end::xid8, now() - interval '31 days',
            case n when 3 then 'PlanModified' else 'DomainModified' end, 'planted', 1
        from generate_series(1, 3) n";
    copies.execute(more, &[]).unwrap();
    deployment.kill("notification");
    let mut left = || {
        let rows = copies.query("select id from published.registry_changes order by id", &[]).unwrap();
        rows.iter().map(|row| row.get(0)).collect::<Vec<i64>>()
    };
    eventually("old copies are removed", || (left().len() == 2).then_some(()));
    assert_eq!(left(), [-3, -2], "kept for a month that may still be billed, and not read");
    scene.change("second");
    scene.told_in_time(2);
    assert_eq!(left().len(), 3, "the new one alone is copied");
}
