//! Everything of one provider, from sign-up to its last API.

use super::summary::Outcome;
use serde_json::json;

use super::client::{Client, Request, Unreachable};
use super::mapping::{Api, Tenant};
use super::organisation::Organisation;
use super::people::{Seed, admin_email};
use super::plans::{Needs, Plans};
use super::session::{Services, Session};

/// The payment provider's test card that pays: imported organisations are not real ones.
const TEST_CARD: &str = "pm_card_visa";

/// What all organisations share.
pub struct Importer {
    /// Sends the requests.
    pub client: Client,
    /// Where to.
    pub services: Services,
    /// What there is to subscribe to.
    pub plans: Plans,
    /// Where people and passwords come from.
    pub seed: Seed,
}

impl Importer {
    /// Takes one provider in and says of each API what became of it. Whatever is there already is found by its name, so
    /// a run that was cut off is simply run again.
    pub fn import(&self, tenant: &Tenant, mut done: impl FnMut(&Api, Outcome)) -> Result<(), Unreachable> {
        let mut refuse_all = |reason: &str| {
            let refused = || Outcome::Refused(reason.to_owned());
            tenant.apis.iter().for_each(|api| done(api, refused()));
        };
        let (session, existed) = match self.enter(tenant)? {
            Ok(entered) => entered,
            Err(reason) => {
                refuse_all(&reason);
                return Ok(());
            }
        };
        let mut organisation = Organisation::new(&session, tenant, &self.seed);
        if existed && let Err(reason) = organisation.look_around(&self.plans)? {
            refuse_all(&reason);
            return Ok(());
        }
        if self.plans.best(&Needs::of(tenant)) != "free"
            && let Err(reason) = session.pay_by_card(TEST_CARD)?
        {
            refuse_all(&format!("giving {} a card: {reason}", tenant.name));
            return Ok(());
        }
        organisation.invite_people()?;
        for api in &tenant.apis {
            let outcome = organisation.add(api)?;
            done(api, outcome);
        }
        Ok(())
    }

    /// Signs the provider up, or in where it is signed up already.
    fn enter(&self, tenant: &Tenant) -> Result<Result<(Session<'_>, bool), String>, Unreachable> {
        let (email, password) = (admin_email(&tenant.name), self.seed.password(&tenant.name));
        let body = json!({
            "name": tenant.name,
            "plan": self.plans.best(&Needs::of(tenant)),
            "admin": {"email": email, "password": password},
        });
        let url = format!("{}/organisations", self.services.account);
        let request = Request { method: "POST", url: &url, token: None, if_match: None, body: Some(&body) };
        let answer = self.client.send(request)?;
        let existed = match answer.status {
            201 => false,
            409 => true,
            _ => {
                return Ok(Err(format!("sign-up of {}: {}", tenant.name, answer.reason())));
            }
        };
        let session = Session::open(&self.client, &self.services, email, password)?;
        Ok(session.map(|session| (session, existed)).map_err(|reason| {
            let hint = if existed { " (it is there already: was it imported with another --seed?)" } else { "" };
            format!("signing in to {}: {reason}{hint}", tenant.name)
        }))
    }
}
