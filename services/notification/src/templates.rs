//! The text of each kind of change. Pure: what the change says, and nothing else.

use serde_json::Value;
use uuid::Uuid;

use crate::feed::Change;
use crate::message::{Audience, How, Message, Target, Variant};
use crate::text::{Names, id, money, text, title};

/// The message about a change, with its recipients; none where the change concerns nobody.
pub fn message(change: &Change, names: &Names, by: &str) -> Option<Message> {
    let null = Value::Null;
    let template = Template {
        change,
        names,
        by,
        before: change.before.as_ref().unwrap_or(&null),
        after: change.after.as_ref().unwrap_or(&null),
    };
    match change.kind.as_str() {
        kind if kind.starts_with("Api") || kind.starts_with("Version") => template.api(),
        kind if kind.starts_with("SubDomain") => template.sub_domain(),
        kind if kind.starts_with("Domain") => template.domain(),
        kind if kind.starts_with("Login") || kind == "PasswordModified" => template.login(),
        "ProfileModified" | "NotificationSettingsModified" => template.profile(),
        _ => template.organisation(),
    }
}

/// A change, with what its text needs.
struct Template<'a> {
    change: &'a Change,
    names: &'a Names,
    by: &'a str,
    before: &'a Value,
    after: &'a Value,
}

impl Template<'_> {
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

    fn variant(&self, kind: &'static str, heading: &str, mut lines: Vec<String>) -> Variant {
        lines.push(format!("Changed {}.", self.by));
        Variant { kind, title: title(heading), body: lines.join("\n") }
    }

    fn differences(&self) -> Vec<String> {
        self.names.differences(self.before, self.after)
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

    /// One variant for everybody.
    fn same(&self, kind: &'static str, heading: &str, lines: Vec<String>) -> [Variant; 4] {
        let variant = self.variant(kind, heading, lines);
        std::array::from_fn(|_| variant.clone())
    }

    fn deleted(&self, what: &str, kinds: [&'static str; 2], place: &str) -> [Variant; 4] {
        let deleted = self.variant(kinds[0], &format!("{what} was deleted"), vec![format!("in: {place}")]);
        let heading = format!("{what} was removed from {place}: it was deleted");
        let removed = self.variant(kinds[1], &heading, Vec::new());
        [deleted, removed.clone(), removed.clone(), removed]
    }

    fn moved(&self, what: &str, kinds: [&'static str; 3], [from, to]: [String; 2]) -> [Variant; 4] {
        let lines = || vec![format!("from: {from}"), format!("to: {to}")];
        let moved = self.variant(kinds[0], &format!("{what} was moved to {to}"), lines());
        let removed = self.variant(kinds[1], &format!("{what} was removed from {from}"), lines());
        let added = self.variant(kinds[2], &format!("{what} was added to {to}"), lines());
        [moved.clone(), moved, removed, added]
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

    fn api(&self) -> Option<Message> {
        let mut targets = self.containers(&[("subDomain", "subDomainId"), ("domain", "domainId")]);
        targets.push(Target { kind: "api", id: self.entity_id()?, how: How::Itself });
        let (api, place) = (format!("API {}", self.name()), self.names.place(self.entity()));
        let (number, status) =
            (format!("{}.{}", self.number("major"), self.number("minor")), text(self.after, "status"));
        let at = format!("in: {place}");
        let same = |kind, heading: String, mut lines: Vec<String>| {
            lines.push(at);
            self.same(kind, &heading, lines)
        };
        let variants = match self.change.kind.as_str() {
            "ApiCreated" => self.same("apiAdded", &format!("{api} was added to {place}"), self.differences_shown()),
            "ApiModified" => same("apiModified", format!("{api} was changed"), self.differences()),
            "ApiDeleted" => self.deleted(&api, ["apiDeleted", "apiRemoved"], &place),
            "ApiMoved" => {
                let places = [self.before, self.after].map(|entity| self.names.place(entity));
                self.moved(&api, ["apiMoved", "apiRemoved", "apiAdded"], places)
            }
            "VersionCreated" => {
                same("versionCreated", format!("{api} has a new version {number}"), vec![format!("status: {status}")])
            }
            "VersionStatusModified" => {
                let heading = format!("Version {number} of {api} is now {status}");
                same("versionStatusModified", heading, self.differences())
            }
            "VersionDeleted" => same("versionDeleted", format!("Version {number} of {api} was deleted"), Vec::new()),
            _ => return None,
        };
        Some(Message { audience: Audience::Watchers(targets), variants })
    }

    fn sub_domain(&self) -> Option<Message> {
        let mut targets = self.containers(&[("domain", "domainId")]);
        targets.push(Target { kind: "subDomain", id: self.entity_id()?, how: How::Itself });
        let name = format!("Sub domain {}", self.name());
        let domain_of = |entity| {
            let name = id(entity, "domainId").and_then(|id| self.names.places.get(&id));
            name.map_or_else(|| "its domain".to_owned(), |name| title(name))
        };
        let domain = domain_of(self.entity());
        let variants = match self.change.kind.as_str() {
            "SubDomainCreated" => {
                self.same("subDomainAdded", &format!("{name} was added to {domain}"), self.differences_shown())
            }
            "SubDomainModified" => self.same("subDomainModified", &format!("{name} was changed"), self.differences()),
            "SubDomainDeleted" => self.deleted(&name, ["subDomainDeleted", "subDomainRemoved"], &domain),
            "SubDomainMoved" => {
                let what = format!("{name}, with all its APIs,");
                let places = [self.before, self.after].map(domain_of);
                self.moved(&what, ["subDomainMoved", "subDomainRemoved", "subDomainAdded"], places)
            }
            _ => return None,
        };
        Some(Message { audience: Audience::Watchers(targets), variants })
    }

    fn domain(&self) -> Option<Message> {
        let audience = Audience::Watchers(vec![Target { kind: "domain", id: self.entity_id()?, how: How::Itself }]);
        let name = format!("Domain {}", self.name());
        let variants = match self.change.kind.as_str() {
            "DomainModified" => self.same("domainModified", &format!("{name} was changed"), self.differences()),
            "DomainDeleted" => self.same("domainDeleted", &format!("{name} was deleted"), Vec::new()),
            _ => return None,
        };
        Some(Message { audience, variants })
    }

    fn login(&self) -> Option<Message> {
        let gone =
            self.after.is_null().then(|| text(self.before, "email").to_owned()).filter(|email| !email.is_empty());
        let audience = Audience::Login(self.entity_id()?, gone);
        let invited = |side| id(side, "invitationId").is_some();
        let variants = match self.change.kind.as_str() {
            // Whose address it is gets the invitation, and nothing else before it is accepted.
            "LoginCreated" | "LoginModified" if invited(self.after) => return None,
            "LoginDeleted" if invited(self.before) => return None,
            "LoginModified" if invited(self.before) => {
                let made = Template { before: &Value::Null, ..*self };
                self.same("loginCreated", "A login was made for you", made.differences_shown())
            }
            "LoginCreated" => self.same("loginCreated", "A login was made for you", self.differences_shown()),
            "LoginModified" => self.same("loginModified", "Your login was changed", self.differences()),
            "LoginDeleted" => self.same("loginDeleted", "Your login was deleted", Vec::new()),
            "PasswordModified" => self.same("passwordModified", "Your password was changed", self.differences()),
            _ => return None,
        };
        Some(Message { audience, variants })
    }

    fn profile(&self) -> Option<Message> {
        let (kind, heading) = match self.change.kind.as_str() {
            "ProfileModified" => ("profileModified", "Your profile was changed"),
            _ => ("notificationSettingsModified", "Your notification settings were changed"),
        };
        let variants = self.same(kind, heading, self.differences());
        Some(Message { audience: Audience::Person(self.entity_id()?), variants })
    }

    /// What concerns an organisation as a whole: its name, its plan, its money.
    fn organisation(&self) -> Option<Message> {
        let entity = self.entity();
        let cents = entity.get("amountCents").and_then(Value::as_i64);
        let amount = cents.map(|cents| money(cents, text(entity, "currency"))).unwrap_or_default();
        let period = text(entity, "period");
        let invoice = format!("for {period} ({amount})");
        let (kind, heading) = match self.change.kind.as_str() {
            "OrganisationModified" => ("organisationModified", "Your organisation was changed".to_owned()),
            "SubscriptionPlanModified" => {
                ("subscriptionPlanModified", "Your organisation's subscription plan was changed".to_owned())
            }
            "PlanLimitExceeded" => {
                ("planLimitExceeded", "More is in use than your organisation's plan allows".to_owned())
            }
            "UpcomingPayment" => ("upcomingPayment", format!("Upcoming payment {invoice}")),
            "InvoicePaid" => ("invoicePaid", format!("The invoice {invoice} was paid")),
            "PaymentFailed" => ("paymentFailed", format!("The payment {invoice} failed")),
            "PaymentOverdue" => ("paymentOverdue", format!("The payment {invoice} is overdue")),
            "OrganisationFrozen" => {
                ("organisationFrozen", "Your organisation is frozen until its overdue invoices are paid".to_owned())
            }
            "OrganisationUnfrozen" => ("organisationUnfrozen", "Your organisation is no longer frozen".to_owned()),
            _ => return None,
        };
        Some(Message { audience: Audience::Admins, variants: self.same(kind, &heading, self.differences_shown()) })
    }
}
