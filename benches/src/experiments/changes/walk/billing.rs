//! Billing's and Notification's operations.

use serde_json::{Value, json};

use super::{Things, Walk};

impl Walk<'_> {
    pub(super) fn billing(&mut self, things: &mut Things) {
        let org = format!("/organisations/{}", things.org);
        let card = format!("{org}/payment-method");
        // Deleted and set anew: both statements, whatever the walk before has left.
        self.remove("billing", &card);
        self.call("billing", "PUT", &card, "", Some(json!({"paymentMethodToken": "pm_card_visa"})));
        self.change("billing", "PUT", &card, json!({"paymentMethodToken": "pm_card_mastercard"}));
        for path in ["/usage", "/invoices", "/standing", "/billing-changes"] {
            self.get("billing", &format!("{org}{path}"));
        }
        let invoices = self.get("billing", &format!("{org}/invoices")).body;
        for invoice in invoices.get("items").and_then(Value::as_array).into_iter().flatten() {
            let id = invoice.get("id").and_then(Value::as_str).unwrap_or_default();
            self.get("billing", &format!("{org}/invoices/{id}"));
            self.post("billing", &format!("{org}/invoices/{id}/payments"), json!({}));
        }
        self.token.clone_from(&things.operator);
        // A period of its own, long ago: nobody was there, but a run it is.
        things.period += 1;
        let period = format!("{}-{:02}", 2019 + things.period / 12, things.period % 12 + 1);
        let run = self.post("billing", "/billing-runs", json!({"period": period})).id().unwrap_or_default();
        self.get("billing", &format!("/billing-runs/{run}"));
        self.get("billing", "/billing-runs");
        self.get("billing", "/billing-changes");
        self.token.clone_from(&things.token);
    }

    pub(super) fn notification(&mut self, things: &mut Things) {
        let org = format!("/organisations/{}", things.org);
        self.get("notification", &format!("{org}/notifications?unread=true"));
        let list = self.get("notification", &format!("{org}/notifications")).body;
        let ids: Vec<&Value> =
            list.get("items").and_then(Value::as_array).into_iter().flatten().filter_map(|one| one.get("id")).collect();
        self.post("notification", &format!("{org}/notifications/read"), json!({"ids": ids}));
        self.token.clone_from(&things.operator);
        self.get("notification", "/deliveries");
        self.token.clone_from(&things.token);
    }
}
