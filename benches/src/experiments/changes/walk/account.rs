//! Account's and Profile's operations.

use serde_json::{Value, json};

use super::{PASSWORD, Things, Walk};

impl Walk<'_> {
    pub(super) fn account(&mut self, things: &mut Things) {
        let org = format!("/organisations/{}", things.org);
        self.change("account", "PATCH", &org, json!({"name": format!("Walked {}", self.salt)}));
        let plan = if self.get("account", &org).body.get("plan").and_then(Value::as_str) == Some("payg") {
            "team"
        } else {
            "payg"
        };
        self.change("account", "PATCH", &org, json!({"plan": plan}));
        let logins = self.get("account", &format!("{org}/logins")).body;
        let path = format!("{org}/logins/{}", things.before("login"));
        let owner = things.before("profile");
        self.change("account", "PATCH", &path, json!({"profileId": owner}));
        self.change(
            "account",
            "PATCH",
            &path,
            json!({"disabled": false, "email": format!("again-{}@walk.example", self.salt)}),
        );
        // The admin is linked to a person: watches are for persons.
        if let Some(admin) = logins.pointer("/items/0/id").and_then(Value::as_str) {
            self.change("account", "PATCH", &format!("{org}/logins/{admin}"), json!({"profileId": owner}));
        }
        let admin = things.admin.clone();
        if let Some(token) = self.session(&admin, PASSWORD) {
            things.token = token;
            self.token.clone_from(&things.token);
        }
        self.call("account", "PUT", "/logins/me/password", "", Some(json!({"current": PASSWORD, "new": PASSWORD})));
        self.get("account", &format!("{org}/account-changes"));
        self.get("account", "/plans");
        self.get("account", "/plans/team");
        self.token.clone_from(&things.operator);
        let code = format!("w-{}", self.salt.get(self.salt.len() - 12..).unwrap_or_default());
        let body = json!({"code": code, "name": "Walk", "kind": "fixed", "currency": "EUR", "monthlyPriceCents": 1,
            "limits": {"apis": 1, "domains": 1, "subDomains": 1, "users": 1}, "unitPricesCents": {"api": 0, "domain": 0, "subDomain": 0, "user": 0}});
        self.post("account", "/plans", body);
        self.change("account", "PATCH", &format!("/plans/{code}"), json!({"name": "Walked"}));
        self.get("account", "/account-changes");
        self.token.clone_from(&things.token);
    }

    pub(super) fn profile(&mut self, things: &mut Things) {
        let org = format!("/organisations/{}", things.org);
        let path = format!("{org}/profiles/{}", things.before("profile"));
        self.get("profile", &format!("{org}/profiles"));
        self.get("profile", &format!("{org}/profiles?q=Ada"));
        self.change(
            "profile",
            "PATCH",
            &path,
            json!({"name": format!("Ada {}", self.salt), "jobTitle": "Architect", "timeZone": "Europe/Berlin"}),
        );
        for body in [json!({"mode": "daily", "at": "17:30"}), json!({"mode": "instant"})] {
            self.change("profile", "PUT", &format!("{path}/notification-settings"), body);
        }
        self.get("profile", &format!("{org}/profile-changes"));
        self.token.clone_from(&things.operator);
        self.get("profile", "/profile-changes");
        self.token.clone_from(&things.token);
    }
}
