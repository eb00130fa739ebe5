//! Acting as an organisation's admin: signing in, and again when a token has run out.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::client::{Answer, Client, Request, Unreachable};
use crate::{Failure, Place};

/// The services an import talks to.
#[derive(Clone, Debug)]
pub struct Services {
    /// Organisations and sessions.
    pub account: String,
    /// People.
    pub profile: String,
    /// Domains, sub domains, APIs.
    pub registry: String,
    /// Cards; none where the target bills nobody.
    pub billing: Option<String>,
}

impl Services {
    /// From a target.
    pub fn of(target: &Place) -> Result<Self, Failure> {
        let url = |name| target.url(name).map(|url| format!("{url}/api/v1"));
        Ok(Self {
            account: url("account")?,
            profile: url("profile")?,
            registry: url("registry")?,
            billing: url("billing").ok(),
        })
    }
}

/// An admin of one organisation.
pub struct Session<'a> {
    client: &'a Client,
    services: &'a Services,
    email: String,
    password: String,
    token: RefCell<String>,
    organisation: String,
}

/// Why signing in didn't work, where somebody answered.
pub type Refusal = String;

impl<'a> Session<'a> {
    /// Signs in.
    pub fn open(
        client: &'a Client,
        services: &'a Services,
        email: String,
        password: String,
    ) -> Result<Result<Self, Refusal>, Unreachable> {
        let token = match sign_in(client, services, &email, &password)? {
            Ok(token) => token,
            Err(answer) => return Ok(Err(answer.reason())),
        };
        let Some(organisation) = organisation_of(&token) else {
            return Ok(Err("the token names no organisation".into()));
        };
        Ok(Ok(Self { client, services, email, password, token: RefCell::new(token), organisation }))
    }

    /// A request to Account below the organisation.
    pub fn account(
        &self,
        method: &str,
        path: &str,
        if_match: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, Unreachable> {
        self.send(
            method,
            &format!("{}/organisations/{}{path}", self.services.account, self.organisation),
            if_match,
            body,
        )
    }

    /// A request to Profile below the organisation.
    pub fn profile(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Unreachable> {
        self.send(method, &format!("{}/organisations/{}{path}", self.services.profile, self.organisation), None, body)
    }

    /// A request to Registry below the organisation.
    pub fn registry(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Unreachable> {
        self.send(method, &format!("{}/organisations/{}{path}", self.services.registry, self.organisation), None, body)
    }

    /// Gives the organisation a card, unless it has one or the target bills nobody; why not, where it was refused.
    pub fn pay_by_card(&self, payment_method: &str) -> Result<Result<(), Refusal>, Unreachable> {
        let Some(billing) = &self.services.billing else {
            return Ok(Ok(()));
        };
        let url = format!("{billing}/organisations/{}/payment-method", self.organisation);
        if self.send("GET", &url, None, None)?.status == 200 {
            return Ok(Ok(()));
        }
        let body = json!({"paymentMethodToken": payment_method});
        let answer = self.send("PUT", &url, None, Some(&body))?;
        Ok(match answer.status {
            200 | 201 => Ok(()),
            _ => Err(answer.reason()),
        })
    }

    fn send(
        &self,
        method: &str,
        url: &str,
        if_match: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, Unreachable> {
        let attempt = |token: &str| self.client.send(Request { method, url, token: Some(token), if_match, body });
        let answer = attempt(&self.token.borrow())?;
        if answer.status != 401 {
            return Ok(answer);
        }
        // The token has run out: a large organisation, a slow machine, or a clock that was moved.
        match sign_in(self.client, self.services, &self.email, &self.password)? {
            Ok(token) => {
                let answer = attempt(&token)?;
                self.token.replace(token);
                Ok(answer)
            }
            Err(answer) => Ok(answer),
        }
    }
}

/// Everything in a list, page by page; whatever else is answered instead of a page is handed on.
pub fn all(
    mut page: impl FnMut(&str) -> Result<Answer, Unreachable>,
) -> Result<Result<Vec<Value>, Answer>, Unreachable> {
    let mut items = Vec::new();
    let mut query = "?limit=200".to_owned();
    loop {
        let mut answer = page(&query)?;
        if answer.status != 200 {
            return Ok(Err(answer));
        }
        if let Some(Value::Array(more)) = answer.body.get_mut("items").map(Value::take) {
            items.extend(more);
        }
        match answer.text("nextCursor") {
            Some(cursor) => query = format!("?limit=200&cursor={cursor}"),
            None => return Ok(Ok(items)),
        }
    }
}

fn sign_in(
    client: &Client,
    services: &Services,
    email: &str,
    password: &str,
) -> Result<Result<String, Answer>, Unreachable> {
    let url = format!("{}/sessions", services.account);
    let body = json!({"email": email, "password": password});
    let answer = client.send(Request { method: "POST", url: &url, token: None, if_match: None, body: Some(&body) })?;
    Ok(match answer.text("token") {
        Some(token) if answer.status == 200 => Ok(token.to_owned()),
        _ => Err(answer),
    })
}

/// The claim `org`. Not verified: it is for the services to judge, here it only says whose admin we are.
fn organisation_of(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(claims.get("org")?.as_str()?.to_owned())
}
