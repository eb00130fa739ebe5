//! Registry: the plan's limits, reads, pages, its feed.

use serde_json::json;
use uuid::Uuid;

use super::Probe;
use super::want::{Want, is_api, is_list, is_plan_limit, is_problem};
use crate::result::Check;

impl Probe<'_> {
    pub(super) fn registry(&mut self, owner: Option<&str>) {
        if self.target.writes("registry").is_none() {
            return;
        }
        let domain = self.post(&Want::of("registry", "a new domain", 201), "/domains", &json!({"name": "Domain 1"}));
        let full = Want::of("registry", "one domain more than the plan allows is 409, with limit and used", 409)
            .shape(is_plan_limit);
        self.post(&full, "/domains", &json!({"name": "Domain 2"}));
        let path = format!("/domains/{}/sub-domains", domain.text("id"));
        let sub = self.post(&Want::of("registry", "a new sub domain", 201), &path, &json!({"name": "Sub domain"}));
        let sub = sub.text("id").to_owned();
        let api = |n: u32| json!({"name": format!("api-{n}"), "subDomainId": sub, "technicalOwnerId": owner, "tags": ["probe"]});
        let mut ids = Vec::new();
        for n in 1..=4 {
            let made = self.post(&Want::of("registry", "a new API", 201), "/apis", &api(n));
            ids.push(made.text("id").to_owned());
        }
        // The fifth where it is to be measured, the sixth is one too many.
        let create = Want::of("registry", "a new API, where it is measured", 201).operation("create-api");
        self.post(&create, "/apis", &api(5));
        let full = Want::of("registry", "one API more than the plan allows is 409, with limit and used", 409)
            .shape(is_plan_limit);
        if self.report.checks.last().is_some_and(|check| check.found.is_some()) {
            self.post(&Want::of("registry", "a new API", 201), "/apis", &api(5));
        }
        self.post(&full, "/apis", &api(6));
        let unknown = Want::of("registry", "an unknown field is 400", 400).shape(is_problem);
        self.post(&unknown, "/apis", &json!({"name": "x", "subDomainId": sub, "colour": "red"}));
        self.reads(&ids, &sub);
    }

    fn reads(&mut self, ids: &[String], sub: &str) {
        let first = ids.first().cloned().unwrap_or_default();
        let find = Want::of("registry", "an API, with its owner's name, place, versions and ETag", 200)
            .shape(is_api)
            .operation("find-api");
        let tag = self.get(&find, &format!("/apis/{first}")).etag.unwrap_or_default();
        let none = Want::of("registry", "no API is 404", 404).shape(is_problem);
        self.get(&none, &format!("/apis/{}", Uuid::nil()));
        let page = Want::of("registry", "two APIs a page, and a cursor", 200)
            .shape(|of| is_list(of) && of.items().len() == 2 && of.body["nextCursor"].is_string())
            .operation("list-apis");
        let one = self.get(&page, "/apis?limit=2");
        let next = Want::of("registry", "the next page goes on after it", 200).shape(is_list);
        let two = self.get(&next, &format!("/apis?limit=200&cursor={}", one.text("nextCursor")));
        let mut seen: Vec<&str> =
            [&one, &two].iter().flat_map(|page| page.items()).filter_map(|item| item["id"].as_str()).collect();
        seen.sort_unstable();
        seen.dedup();
        let all = one.items().len() + two.items().len();
        let found = (seen.len() != 5 || all != 5)
            .then(|| format!("{all} rows on both pages, {} different ones, in place of 5", seen.len()));
        self.report.checks.push(Check {
            service: "registry".into(),
            wanted: "every API on exactly one page".into(),
            operation: None,
            found,
        });
        let filtered = Want::of("registry", "the APIs of a sub domain", 200)
            .shape(|of| is_list(of) && of.items().len() == 5)
            .operation("list-apis-of-sub-domain");
        self.get(&filtered, &format!("/apis?limit=50&subDomainId={sub}"));
        let modify = Want::of("registry", "another title", 200).shape(is_api).operation("modify-api");
        let title = json!({"title": "Another"});
        self.ask(&modify, "PATCH", &format!("/apis/{first}"), (Some(&tag), Some(&title)));
        let feed = Want::of("registry", "the feed of changes, in pages", 200)
            .shape(|of| of.items().len() == 2 && of.body["next"].is_string());
        let changes = self.get(&feed, "/registry-changes?limit=2");
        let more = Want::of("registry", "the feed goes on after a page", 200).shape(|of| !of.items().is_empty());
        self.get(&more, &format!("/registry-changes?limit=200&after={}", changes.text("next")));
        let own = std::mem::replace(&mut self.organisation, Uuid::nil().to_string());
        let others = Want::of("registry", "another organisation is 403", 403).shape(is_problem);
        self.get(&others, "/apis");
        self.organisation = own;
    }
}
