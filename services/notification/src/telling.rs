//! Who is told what of a change. Pure: what a change says, and nothing else.

use serde_json::Value;
use uuid::Uuid;

use crate::feed::Change;
use crate::words::{Names, id, money, text, title};

/// How a watched thing is concerned. The values are bits: one person may watch several things that a change concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is what changed.
    Itself = 1,
    /// What changed is in it, and stays.
    Within = 2,
    /// What changed was in it, and is no longer.
    Left = 4,
    /// What changed wasn't in it, and now is.
    Joined = 8,
}

/// A thing that people may watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `api`, `domain` or `subDomain`.
    pub kind: &'static str,
    /// Its id.
    pub id: Uuid,
    /// How it is concerned.
    pub how: How,
}

/// Who is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever watched one of these at the change's time.
    Watchers(Vec<Target>),
    /// Every admin login of the organisation.
    Admins,
    /// One login, and its address where it no longer exists.
    Login(Uuid, Option<String>),
    /// One person.
    Person(Uuid),
}

/// What one of them reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// As in the contract.
    pub kind: &'static str,
    /// One line.
    pub title: String,
    /// The rest, line by line.
    pub body: String,
}

/// A change, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// To whom.
    pub audience: Audience,
    /// For each [`How`], in its order.
    pub words: [Words; 4],
}

impl Telling {
    /// Which of the words somebody reads who is concerned in all these ways. From one watched place to another is a move.
    pub fn variant(how: i32) -> usize {
        let is = |wanted: How| how & wanted as i32 != 0;
        match () {
            () if is(How::Itself) => 0,
            () if is(How::Within) || is(How::Left) && is(How::Joined) => 1,
            () if is(How::Left) => 2,
            () => 3,
        }
    }

    fn same(audience: Audience, words: Words) -> Self {
        Self {
            audience,
            words: [words.clone(), words.clone(), words.clone(), words],
        }
    }
}

/// Who is told of a change, and what; none where nobody is.
pub fn tell(change: &Change, names: &Names, by: &str) -> Option<Telling> {
    let null = Value::Null;
    let story = Story {
        change,
        names,
        by,
        before: change.before.as_ref().unwrap_or(&null),
        after: change.after.as_ref().unwrap_or(&null),
    };
    match change.kind.as_str() {
        kind if kind.starts_with("Api") || kind.starts_with("Version") => story.api(),
        kind if kind.starts_with("SubDomain") => story.sub_domain(),
        kind if kind.starts_with("Domain") => story.domain(),
        kind if kind.starts_with("Login") || kind == "PasswordModified" => story.login(),
        "ProfileModified" | "NotificationSettingsModified" => story.profile(),
        _ => story.organisation(),
    }
}

struct Story<'a> {
    change: &'a Change,
    names: &'a Names,
    by: &'a str,
    before: &'a Value,
    after: &'a Value,
}

impl Story<'_> {
    /// The entity as it is now, or as it last was.
    fn entity(&self) -> &Value {
        if self.after.is_null() {
            self.before
        } else {
            self.after
        }
    }

    fn entity_id(&self) -> Option<Uuid> {
        self.change.entity_id.parse().ok()
    }

    fn name(&self) -> &str {
        let before = text(self.before, "name");
        // Under the old name people know it; the differences tell the new one.
        if before.is_empty() {
            text(self.after, "name")
        } else {
            before
        }
    }

    fn words(&self, kind: &'static str, heading: &str, mut lines: Vec<String>) -> Words {
        lines.push(format!("Changed {}.", self.by));
        Words {
            kind,
            title: title(heading),
            body: lines.join("\n"),
        }
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

    fn api(&self) -> Option<Telling> {
        let mut targets = self.containers(&[("subDomain", "subDomainId"), ("domain", "domainId")]);
        targets.push(Target {
            kind: "api",
            id: self.entity_id()?,
            how: How::Itself,
        });
        let api = format!("API {}", self.name());
        let number = || format!("{}.{}", self.number("major"), self.number("minor"));
        let status = || text(self.after, "status").to_owned();
        let same = |kind, heading: String, lines| {
            Some(Telling::same(
                Audience::Watchers(targets.clone()),
                self.words(kind, &heading, lines),
            ))
        };
        let at = || format!("in: {}", self.place());
        let with_place = |mut lines: Vec<String>| {
            lines.push(at());
            lines
        };
        match self.change.kind.as_str() {
            "ApiCreated" => same(
                "apiAdded",
                format!("{api} was added to {}", self.place()),
                self.differences_shown(),
            ),
            "ApiModified" => same(
                "apiModified",
                format!("{api} was changed"),
                with_place(self.differences()),
            ),
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
            "VersionDeleted" => same(
                "versionDeleted",
                format!("Version {} of {api} was deleted", number()),
                vec![at()],
            ),
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
                Some(Telling {
                    audience: Audience::Watchers(targets.clone()),
                    words,
                })
            }
            _ => None,
        }
    }

    fn number(&self, key: &str) -> i64 {
        self.entity()
            .get(key)
            .and_then(Value::as_i64)
            .unwrap_or_default()
    }

    /// What a new entity is like, without what is empty and without the ids of its place.
    fn differences_shown(&self) -> Vec<String> {
        let lines = self.differences();
        let shown = |line: &String| {
            !line.starts_with("domain:")
                && !line.starts_with("sub domain:")
                && !line.ends_with("→ none")
        };
        lines
            .into_iter()
            .filter(shown)
            .map(|line| line.replacen("none → ", "", 1))
            .collect()
    }

    fn moved(&self, what: &str, kinds: [&'static str; 3], [from, to]: [String; 2]) -> [Words; 4] {
        let lines = || vec![format!("from: {from}"), format!("to: {to}")];
        let moved = self.words(kinds[0], &format!("{what} was moved to {to}"), lines());
        let removed = self.words(
            kinds[1],
            &format!("{what} was removed from {from}"),
            lines(),
        );
        let added = self.words(kinds[2], &format!("{what} was added to {to}"), lines());
        [moved.clone(), moved, removed, added]
    }

    fn sub_domain(&self) -> Option<Telling> {
        let mut targets = self.containers(&[("domain", "domainId")]);
        targets.push(Target {
            kind: "subDomain",
            id: self.entity_id()?,
            how: How::Itself,
        });
        let name = format!("Sub domain {}", self.name());
        let domain_of = |entity| {
            let name = id(entity, "domainId").and_then(|id| self.names.places.get(&id));
            name.map_or_else(|| "its domain".to_owned(), |name| title(name))
        };
        let domain = domain_of(self.entity());
        let audience = Audience::Watchers(targets);
        let same = |words| Some(Telling::same(audience.clone(), words));
        match self.change.kind.as_str() {
            "SubDomainCreated" => same(self.words(
                "subDomainAdded",
                &format!("{name} was added to {domain}"),
                self.differences_shown(),
            )),
            "SubDomainModified" => same(self.words(
                "subDomainModified",
                &format!("{name} was changed"),
                self.differences(),
            )),
            "SubDomainDeleted" => {
                let deleted = self.words(
                    "subDomainDeleted",
                    &format!("{name} was deleted"),
                    vec![format!("in: {domain}")],
                );
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
                let words = self.moved(
                    &what,
                    ["subDomainMoved", "subDomainRemoved", "subDomainAdded"],
                    places,
                );
                Some(Telling { audience, words })
            }
            _ => None,
        }
    }

    fn domain(&self) -> Option<Telling> {
        let audience = Audience::Watchers(vec![Target {
            kind: "domain",
            id: self.entity_id()?,
            how: How::Itself,
        }]);
        let name = format!("Domain {}", self.name());
        let words = match self.change.kind.as_str() {
            "DomainModified" => self.words(
                "domainModified",
                &format!("{name} was changed"),
                self.differences(),
            ),
            "DomainDeleted" => {
                self.words("domainDeleted", &format!("{name} was deleted"), Vec::new())
            }
            _ => return None,
        };
        Some(Telling::same(audience, words))
    }

    fn login(&self) -> Option<Telling> {
        let gone = self
            .after
            .is_null()
            .then(|| text(self.before, "email").to_owned())
            .filter(|email| !email.is_empty());
        let audience = Audience::Login(self.entity_id()?, gone);
        let words = match self.change.kind.as_str() {
            "LoginCreated" => self.words(
                "loginCreated",
                "A login was made for you",
                self.differences_shown(),
            ),
            "LoginModified" => self.words(
                "loginModified",
                "Your login was changed",
                self.differences(),
            ),
            "LoginDeleted" => self.words("loginDeleted", "Your login was deleted", Vec::new()),
            "PasswordModified" => self.words(
                "passwordModified",
                "Your password was changed",
                self.differences(),
            ),
            _ => return None,
        };
        Some(Telling::same(audience, words))
    }

    fn profile(&self) -> Option<Telling> {
        let (kind, heading) = match self.change.kind.as_str() {
            "ProfileModified" => ("profileModified", "Your profile was changed"),
            _ => (
                "notificationSettingsModified",
                "Your notification settings were changed",
            ),
        };
        let words = self.words(kind, heading, self.differences());
        Some(Telling::same(Audience::Person(self.entity_id()?), words))
    }

    /// What concerns an organisation as a whole: its name, its plan, its money.
    fn organisation(&self) -> Option<Telling> {
        let entity = self.entity();
        let cents = entity.get("amountCents").and_then(Value::as_i64);
        let amount = cents
            .map(|cents| money(cents, text(entity, "currency")))
            .unwrap_or_default();
        let period = text(entity, "period");
        let invoice = format!("for {period} ({amount})");
        let (kind, heading) = match self.change.kind.as_str() {
            "OrganisationModified" => (
                "organisationModified",
                "Your organisation was changed".to_owned(),
            ),
            "SubscriptionPlanModified" => (
                "subscriptionPlanModified",
                "Your organisation's subscription plan was changed".to_owned(),
            ),
            "UpcomingPayment" => ("upcomingPayment", format!("Upcoming payment {invoice}")),
            "InvoicePaid" => ("invoicePaid", format!("The invoice {invoice} was paid")),
            "PaymentFailed" => ("paymentFailed", format!("The payment {invoice} failed")),
            "PaymentOverdue" => (
                "paymentOverdue",
                format!("The payment {invoice} is overdue"),
            ),
            "OrganisationFrozen" => (
                "organisationFrozen",
                "Your organisation is frozen until its overdue invoices are paid".to_owned(),
            ),
            "OrganisationUnfrozen" => (
                "organisationUnfrozen",
                "Your organisation is no longer frozen".to_owned(),
            ),
            _ => return None,
        };
        Some(Telling::same(
            Audience::Admins,
            self.words(kind, &heading, self.differences_shown()),
        ))
    }
}
