//! The words of each kind of change.

mod others;

use serde_json::Value;
use uuid::Uuid;

use crate::feed::Change;
use crate::telling::{Audience, How, Target, Telling, Words};
use crate::words::{Names, id, text, title};

/// A change, with what is needed to tell it.
pub(crate) struct Story<'a> {
    pub change: &'a Change,
    pub names: &'a Names,
    pub by: &'a str,
    pub before: &'a Value,
    pub after: &'a Value,
}

impl Story<'_> {
    /// The entity as it is now, or as it last was.
    fn entity(&self) -> &Value {
        if self.after.is_null() { self.before } else { self.after }
    }

    fn entity_id(&self) -> Option<Uuid> {
        self.change.entity_id.parse().ok()
    }

    fn name(&self) -> &str {
        let before = text(self.before, "name");
        // Under the old name people know it; the differences tell the new one.
        if before.is_empty() { text(self.after, "name") } else { before }
    }

    fn words(&self, kind: &'static str, heading: &str, mut lines: Vec<String>) -> Words {
        lines.push(format!("Changed {}.", self.by));
        Words { kind, title: title(heading), body: lines.join("\n") }
    }

    fn differences(&self) -> Vec<String> {
        self.names.differences(self.before, self.after)
    }

    fn place(&self) -> String {
        self.names.place(self.entity())
    }

    /// Domain and sub domain of the entity: where it was, where it is, where it stays.
    fn containers(&self, keys: &[(&'static str, &str)]) -> Vec<Target> {
        let mut targets = Vec::new();
        for (kind, key) in keys {
            let target = |id, how| Target { kind, id, how };
            match (id(self.before, key), id(self.after, key)) {
                (Some(was), Some(is)) if was == is => targets.push(target(is, How::Within)),
                (was, is) => {
                    targets.extend(was.map(|was| target(was, How::Left)));
                    targets.extend(is.map(|is| target(is, How::Joined)));
                }
            }
        }
        targets
    }

    pub fn api(&self) -> Option<Telling> {
        let mut targets = self.containers(&[("subDomain", "subDomainId"), ("domain", "domainId")]);
        targets.push(Target { kind: "api", id: self.entity_id()?, how: How::Itself });
        let api = format!("API {}", self.name());
        let number = || format!("{}.{}", self.number("major"), self.number("minor"));
        let status = || text(self.after, "status").to_owned();
        let same = |kind, heading: String, lines| {
            Some(Telling::same(Audience::Watchers(targets.clone()), self.words(kind, &heading, lines)))
        };
        let at = || format!("in: {}", self.place());
        let with_place = |mut lines: Vec<String>| {
            lines.push(at());
            lines
        };
        match self.change.kind.as_str() {
            "ApiCreated" => same("apiAdded", format!("{api} was added to {}", self.place()), self.differences_shown()),
            "ApiModified" => same("apiModified", format!("{api} was changed"), with_place(self.differences())),
            "VersionCreated" => same(
                "versionCreated",
                format!("{api} has a new version {}", number()),
                vec![format!("status: {}", status()), at()],
            ),
            "VersionStatusModified" => same(
                "versionStatusModified",
                format!("Version {} of {api} is now {}", number(), status()),
                with_place(self.differences()),
            ),
            "VersionDeleted" => {
                same("versionDeleted", format!("Version {} of {api} was deleted", number()), vec![at()])
            }
            "ApiDeleted" => {
                let deleted = self.words("apiDeleted", &format!("{api} was deleted"), vec![at()]);
                let heading = format!("{api} was removed from {}: it was deleted", self.place());
                let removed = self.words("apiRemoved", &heading, Vec::new());
                Some(Telling {
                    audience: Audience::Watchers(targets.clone()),
                    words: [deleted, removed.clone(), removed.clone(), removed],
                })
            }
            "ApiMoved" => {
                let places = [self.names.place(self.before), self.names.place(self.after)];
                let words = self.moved(&api, ["apiMoved", "apiRemoved", "apiAdded"], places);
                Some(Telling { audience: Audience::Watchers(targets.clone()), words })
            }
            _ => None,
        }
    }

    fn number(&self, key: &str) -> i64 {
        self.entity().get(key).and_then(Value::as_i64).unwrap_or_default()
    }

    /// What a new entity is like, without what is empty and without the ids of its place.
    fn differences_shown(&self) -> Vec<String> {
        let lines = self.differences();
        let shown = |line: &String| {
            !line.starts_with("domain:") && !line.starts_with("sub domain:") && !line.ends_with("→ none")
        };
        lines.into_iter().filter(shown).map(|line| line.replacen("none → ", "", 1)).collect()
    }

    fn moved(&self, what: &str, kinds: [&'static str; 3], [from, to]: [String; 2]) -> [Words; 4] {
        let lines = || vec![format!("from: {from}"), format!("to: {to}")];
        let moved = self.words(kinds[0], &format!("{what} was moved to {to}"), lines());
        let removed = self.words(kinds[1], &format!("{what} was removed from {from}"), lines());
        let added = self.words(kinds[2], &format!("{what} was added to {to}"), lines());
        [moved.clone(), moved, removed, added]
    }

    pub fn sub_domain(&self) -> Option<Telling> {
        let mut targets = self.containers(&[("domain", "domainId")]);
        targets.push(Target { kind: "subDomain", id: self.entity_id()?, how: How::Itself });
        let name = format!("Sub domain {}", self.name());
        let domain_of = |entity| {
            let name = id(entity, "domainId").and_then(|id| self.names.places.get(&id));
            name.map_or_else(|| "its domain".to_owned(), |name| title(name))
        };
        let domain = domain_of(self.entity());
        let audience = Audience::Watchers(targets);
        let same = |words| Some(Telling::same(audience.clone(), words));
        match self.change.kind.as_str() {
            "SubDomainCreated" => {
                same(self.words("subDomainAdded", &format!("{name} was added to {domain}"), self.differences_shown()))
            }
            "SubDomainModified" => {
                same(self.words("subDomainModified", &format!("{name} was changed"), self.differences()))
            }
            "SubDomainDeleted" => {
                let deleted =
                    self.words("subDomainDeleted", &format!("{name} was deleted"), vec![format!("in: {domain}")]);
                let removed = self.words(
                    "subDomainRemoved",
                    &format!("{name} was removed from {domain}: it was deleted"),
                    Vec::new(),
                );
                let words = [deleted, removed.clone(), removed.clone(), removed];
                Some(Telling { audience, words })
            }
            "SubDomainMoved" => {
                let what = format!("{name}, with all its APIs,");
                let places = [domain_of(self.before), domain_of(self.after)];
                let words = self.moved(&what, ["subDomainMoved", "subDomainRemoved", "subDomainAdded"], places);
                Some(Telling { audience, words })
            }
            _ => None,
        }
    }

    pub fn domain(&self) -> Option<Telling> {
        let audience = Audience::Watchers(vec![Target { kind: "domain", id: self.entity_id()?, how: How::Itself }]);
        let name = format!("Domain {}", self.name());
        let words = match self.change.kind.as_str() {
            "DomainModified" => self.words("domainModified", &format!("{name} was changed"), self.differences()),
            "DomainDeleted" => self.words("domainDeleted", &format!("{name} was deleted"), Vec::new()),
            _ => return None,
        };
        Some(Telling::same(audience, words))
    }
}
