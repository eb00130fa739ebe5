//! Logins, people, organisations and their money.

use serde_json::Value;

use super::Story;
use crate::telling::{Audience, Telling};
use crate::words::{money, text};

impl Story<'_> {
    pub fn login(&self) -> Option<Telling> {
        let gone =
            self.after.is_null().then(|| text(self.before, "email").to_owned()).filter(|email| !email.is_empty());
        let audience = Audience::Login(self.entity_id()?, gone);
        let words = match self.change.kind.as_str() {
            "LoginCreated" => self.words("loginCreated", "A login was made for you", self.differences_shown()),
            "LoginModified" => self.words("loginModified", "Your login was changed", self.differences()),
            "LoginDeleted" => self.words("loginDeleted", "Your login was deleted", Vec::new()),
            "PasswordModified" => self.words("passwordModified", "Your password was changed", self.differences()),
            _ => return None,
        };
        Some(Telling::same(audience, words))
    }

    pub fn profile(&self) -> Option<Telling> {
        let (kind, heading) = match self.change.kind.as_str() {
            "ProfileModified" => ("profileModified", "Your profile was changed"),
            _ => ("notificationSettingsModified", "Your notification settings were changed"),
        };
        let words = self.words(kind, heading, self.differences());
        Some(Telling::same(Audience::Person(self.entity_id()?), words))
    }

    /// What concerns an organisation as a whole: its name, its plan, its money.
    pub fn organisation(&self) -> Option<Telling> {
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
        Some(Telling::same(Audience::Admins, self.words(kind, &heading, self.differences_shown())))
    }
}
