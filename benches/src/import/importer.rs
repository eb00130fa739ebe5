//! Everything of one provider, from sign-up to its last API.

use behaviour::{Failed, Services, Session};

use super::mapping::{Api, Tenant};
use super::organisation::Organisation;
use super::people::{Seed, admin_email};
use super::plans::{Needs, Plans};
use super::summary::{Outcome, Stopped};

/// What all organisations share.
pub struct Importer {
    /// The services imported into.
    pub services: Services,
    /// Whether there is a Billing, which wants a card.
    pub billed: bool,
    /// The plans to choose from.
    pub plans: Plans,
    /// Where people and passwords come from.
    pub seed: Seed,
}

impl Importer {
    /// Imports one provider and reports the outcome of each API. What exists already is found by its name, so an interrupted
    /// run is simply repeated.
    ///
    /// # Errors
    /// A sentence without full stop, when a service doesn't answer.
    pub fn import(&self, tenant: &Tenant, mut done: impl FnMut(&Api, Outcome)) -> Result<(), String> {
        let mut organisation = match self.enter(tenant) {
            Ok(organisation) => organisation,
            Err(Stopped::Refused(reason)) => {
                tenant.apis.iter().for_each(|api| done(api, Outcome::Refused(reason.clone())));
                return Ok(());
            }
            Err(Stopped::Gone(why)) => return Err(why),
        };
        for api in &tenant.apis {
            let outcome = match organisation.add(api) {
                Ok(outcome) => outcome,
                Err(Stopped::Refused(reason)) => Outcome::Refused(reason),
                Err(Stopped::Gone(why)) => return Err(why),
            };
            done(api, outcome);
        }
        Ok(())
    }

    /// The provider's organisation, with its people and, where it costs anything, a card.
    fn enter<'a>(&'a self, tenant: &'a Tenant) -> Result<Organisation<'a>, Stopped> {
        let plan = self.plans.best(&Needs::of(tenant));
        let (admin, existed) = self.sign_up(tenant, plan)?;
        let mut organisation = Organisation::new(admin, tenant, &self.seed);
        if existed {
            organisation.look_around(&self.plans)?;
        }
        if self.billed && plan != "free" {
            organisation.pay_by_card()?;
        }
        organisation.invite_people()?;
        Ok(organisation)
    }

    /// Signs the provider up, or logs in where it has signed up already; whether it had.
    fn sign_up(&self, tenant: &Tenant, plan: &str) -> Result<(Session, bool), Stopped> {
        let (email, password) = (admin_email(&tenant.name), self.seed.password(&tenant.name));
        match Session::sign_up(&self.services, &tenant.name, plan, &email, &password) {
            Err(Failed::Refused(answer)) if answer.status == 409 => {
                let hint = "it is there already: was it imported with another --seed?";
                let doing = format!("signing in to {} ({hint})", tenant.name);
                Ok((Session::log_in(&self.services, &email, &password).map_err(Stopped::doing(doing))?, true))
            }
            signed => Ok((signed.map_err(Stopped::doing(format!("signing up {}", tenant.name)))?, false)),
        }
    }
}
