//! What all but Registry must answer, and what a frozen organisation is told.

use serde_json::{Value, json};
use uuid::Uuid;

use super::want::{Want, is_frozen, is_list, is_problem};
use super::{PASSWORD, Probe};
use crate::Failure;
use crate::target::access::{api, headers, sign_in};
use crate::target::client::Ask;

impl Probe<'_> {
    /// A fresh organisation on the smallest plan, so that its limit is near.
    pub(super) fn account(&mut self) -> Result<(), Failure> {
        let account = api(self.target, "account")?;
        let run = Uuid::now_v7().simple().to_string();
        let (name, email) = (format!("Probe {run}"), format!("probe@{run}.example"));
        let body = json!({"name": name, "plan": "free", "admin": {"email": email, "password": PASSWORD}});
        let url = format!("{account}/organisations");
        let ask = Ask::post(&url, &body);
        let made = self.client.ask(ask);
        let signed_up = Want::of("account", "signing up makes an organisation", 201)
            .shape(|of| of.body["id"].is_string() && of.text("standing") == "active");
        if !self.judge(&signed_up, &made) {
            return Err(Failure::could_not_run(format!(
                "Nobody can sign up at {url} (status {}), so nothing else can be asked.",
                made.status
            )));
        }
        made.text("id").clone_into(&mut self.organisation);
        let again = self.client.ask(ask);
        let taken = Want::of("account", "a taken name is 409", 409).shape(is_problem);
        self.judge(&taken, &again);
        let wrong = json!({"email": email, "password": "not this one, surely"});
        let sessions = format!("{account}/sessions");
        let refused = self.client.ask(Ask { url: &sessions, body: Some(&wrong), ..ask });
        let wrong = Want::of("account", "a wrong password is 401", 401).shape(is_problem);
        self.judge(&wrong, &refused);
        let token = sign_in(&self.client, self.target, &email, PASSWORD)?;
        let own = format!("/organisations/{}", self.organisation);
        let unsigned = self.client.ask(Ask { method: "GET", url: &format!("{account}{own}"), body: None, ..ask });
        self.judge(&Want::of("account", "without a token 401", 401), &unsigned);
        self.headers = headers(self.target, &token, &self.organisation)?;
        self.organisation_itself();
        Ok(())
    }

    fn organisation_itself(&mut self) {
        let find = Want::of("account", "the organisation, with its standing and ETag", 200)
            .shape(|of| of.body["standing"].is_string() && of.etag.is_some())
            .operation("find-organisation");
        let tag = self.get(&find, "").etag.unwrap_or_default();
        let name = json!({"name": format!("Probe renamed {}", self.organisation)});
        let blind = Want::of("account", "a change without If-Match is 428", 428);
        self.ask(&blind, "PATCH", "", (None, Some(&name)));
        let rename = Want::of("account", "a change with If-Match", 200).operation("rename-organisation");
        self.ask(&rename, "PATCH", "", (Some(&tag), Some(&name)));
        let stale = Want::of("account", "the same ETag again is 412", 412);
        self.ask(&stale, "PATCH", "", (Some(&tag), Some(&json!({"name": "x"}))));
        let logins = Want::of("account", "the logins, as a page", 200).shape(is_list).operation("list-logins");
        self.get(&logins, "/logins?limit=50");
    }

    pub(super) fn profile(&mut self) -> Option<String> {
        self.target.writes("profile")?;
        let made = Want::of("profile", "a new person", 201).shape(|of| of.body["id"].is_string());
        let person = |email: &str| json!({"name": "P", "jobTitle": "Engineer", "email": email, "timeZone": "UTC"});
        let made = self.post(&made, "/profiles", &person("p@probe.example"));
        let id = made.text("id").to_owned();
        if self.target.services.contains_key("profile") {
            let find = Want::of("profile", "a person, with ETag", 200)
                .shape(|of| of.body["name"].is_string() && of.etag.is_some())
                .operation("find-profile");
            let tag = self.get(&find, &format!("/profiles/{id}")).etag.unwrap_or_default();
            let list = Want::of("profile", "the people, as a page", 200).shape(is_list).operation("list-profiles");
            self.get(&list, "/profiles?limit=50");
            let rename = Want::of("profile", "another job title", 200).operation("rename-profile");
            let title = json!({"jobTitle": "Architect"});
            self.ask(&rename, "PATCH", &format!("/profiles/{id}"), (Some(&tag), Some(&title)));
            let none = Want::of("profile", "nobody is 404", 404).shape(is_problem);
            self.get(&none, &format!("/profiles/{}", Uuid::nil()));
        }
        Some(id)
    }

    pub(super) fn billing_and_notification(&mut self) {
        if self.target.services.contains_key("billing") {
            let list = Want::of("billing", "the invoices, as a page", 200).shape(is_list).operation("list-invoices");
            self.get(&list, "/invoices?limit=50");
            let usage = Want::of("billing", "what the period costs up to now", 200).operation("find-usage");
            self.get(&usage, "/usage");
            let standing = Want::of("billing", "the standing", 200)
                .shape(|of| of.text("standing") == "active")
                .operation("find-standing");
            self.get(&standing, "/standing");
        }
        if self.target.services.contains_key("notification") {
            let list = Want::of("notification", "the notifications, as a page", 200)
                .shape(is_list)
                .operation("list-notifications");
            self.get(&list, "/notifications?limit=50");
        }
    }

    pub(super) fn frozen(&mut self) -> Result<(), Failure> {
        let Some(frozen) = &self.target.frozen else {
            self.report.skipped.push("402 for a frozen organisation: [frozen] names no login of one".to_owned());
            return Ok(());
        };
        let token = sign_in(&self.client, self.target, &frozen.email, &frozen.password)?;
        let Some(organisation) = organisation_of(&token) else {
            self.report
                .skipped
                .push("402 for a frozen organisation: its token doesn't say which one it is of".to_owned());
            return Ok(());
        };
        self.headers = headers(self.target, &token, &organisation)?;
        self.organisation = organisation;
        let want = Want::of("registry", "a frozen organisation is 402", 402).shape(is_frozen);
        self.get(&want, "/apis");
        let unknown = Want::of("registry", "also for an unknown API", 402).shape(is_frozen);
        self.get(&unknown, &format!("/apis/{}", Uuid::nil()));
        Ok(())
    }
}

/// The claim `org`, unverified: it only says where to ask.
fn organisation_of(token: &str) -> Option<String> {
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(claims.get("org")?.as_str()?.to_owned())
}
