//! Whatever the payment provider says instead of what it did: nothing is paid wrongly, nothing charged twice, and all is well once it tells
//! the truth again.

use behaviour::assert::problem;
use behaviour::{Tenant, Value, json};
use chrono::{DateTime, TimeDelta, Utc};
use payment_sandbox::lies::{LIES, Lie};

use crate::house::{House, this_month};

/// Lies about the charge itself: as long as they are told, the invoice isn't paid.
const NEVER_PAID: [Lie; 13] = [
    Lie::AmountMore,
    Lie::AmountLess,
    Lie::AmountZero,
    Lie::AmountNegative,
    Lie::AmountText,
    Lie::OtherCurrency,
    Lie::OtherCustomer,
    Lie::OtherKey,
    Lie::ReceivedZero,
    Lie::ReceivedMissing,
    Lie::UnknownStatus,
    Lie::NulId,
    Lie::LongId,
];

/// One house for all lies, its time, and one tenant for each lie, each with an invoice that nobody has tried to charge.
struct Table {
    house: House,
    now: DateTime<Utc>,
}

impl Table {
    /// Everything that is due by then is done, twice: a lie that is told again, too.
    fn pass(&mut self, time: TimeDelta) {
        for _ in 0..2 {
            self.now += time;
            self.house.go_to(self.now);
            self.house.tick(self.now);
        }
    }

    fn invoice(&self, tenant: &Tenant) -> Value {
        self.house.invoices(tenant).remove(0)
    }

    fn last_attempt(&self, tenant: &Tenant) -> (String, Value) {
        let invoice = self.invoice(tenant);
        let last = invoice["attempts"].as_array().and_then(|attempts| attempts.last()).cloned().unwrap_or_default();
        (invoice["status"].as_str().unwrap_or_default().to_owned(), last)
    }

    fn charges(&self, tenant: &Tenant) -> usize {
        let (id, charges) = (self.invoice(tenant)["id"].as_str().unwrap().to_owned(), self.house.ledger().charges);
        charges.iter().filter(|charge| charge["metadata"]["attempt"].as_str().unwrap().contains(&id)).count()
    }

    /// The lie is told of a charge by hand and of whatever is looked up in two hours after it; then the truth, for two days.
    fn tell(&mut self, lie: Lie, tenant: &Tenant) -> String {
        let drop_next = u32::from(lie == Lie::EndlessList);
        self.house.dials(json!({ "lie": lie, "hangMs": 1_500, "dropNext": drop_next }));
        if matches!(lie, Lie::CardMonth | Lie::CardDigits) {
            let put = self.house.api().put(&tenant.path("/payment-method"));
            let card = self.house.admin(tenant, self.house.api().get(&tenant.path("/payment-method"))).send().etag();
            let put = put.if_match(&card).json(&json!({ "paymentMethodToken": "pm_card_visa" }));
            problem(&self.house.admin(tenant, put).send(), 503);
        }
        let id = self.invoice(tenant)["id"].as_str().unwrap().to_owned();
        let by_hand = self.house.pay(tenant, &id).status;
        assert!(matches!(by_hand, 200 | 409 | 503), "{lie:?}: {by_hand}");
        self.pass(TimeDelta::hours(2));
        let (status, last) = self.last_attempt(tenant);
        if NEVER_PAID.contains(&lie) || lie == Lie::EndlessList {
            assert_eq!(status, "open", "{lie:?}: paid wrongly");
            let held =
                if matches!(lie, Lie::UnknownStatus | Lie::LongId | Lie::EndlessList) { "started" } else { "mismatch" };
            assert_eq!(last["outcome"], held, "{lie:?}");
            // Nothing more is charged by hand meanwhile.
            assert!(matches!(self.house.pay(tenant, &id).status, 409 | 503), "{lie:?}");
        }
        let while_lying = format!("{by_hand} {status} {} {}", last["outcome"], last["failureCode"]);
        assert_eq!(self.charges(tenant), 1, "{lie:?}: while it was told");
        self.house.dials(json!({}));
        self.pass(TimeDelta::hours(25));
        while_lying
    }
}

#[test]
fn every_lie_is_paid_wrongly_never_and_charged_twice_never() {
    let house = House::with(|settings| (settings.notice_days, settings.provider_timeout_ms) = (90, 1_000));
    let (period, now) = this_month();
    let tenants: Vec<Tenant> = LIES.iter().map(|_| house.world.tenant("team")).collect();
    // For the id that two charges have.
    let second = house.world.tenant("team");
    tenants.iter().chain([&second]).for_each(|tenant| house.card(tenant, "pm_card_visa"));
    house.go_to(now);
    house.run(period).expect(202);
    house.tick(now);
    let mut table = Table { house, now };
    for (lie, tenant) in LIES.into_iter().zip(&tenants) {
        if lie == Lie::OneId {
            let id = table.invoice(&second)["id"].as_str().unwrap().to_owned();
            table.house.dials(json!({ "lie": lie }));
            table.house.pay(&second, &id).expect(200);
            let said = table.tell(lie, tenant);
            assert_eq!(said, r#"409 open "mismatch" "payment_id""#);
        } else {
            println!("{lie:?}: {}", table.tell(lie, tenant));
        }
        assert_eq!(table.last_attempt(tenant).0, "paid", "{lie:?}: once it tells the truth");
    }
    let all: Vec<usize> = tenants.iter().chain([&second]).map(|tenant| table.charges(tenant)).collect();
    assert_eq!(all, vec![1; LIES.len() + 1], "charged twice");
    assert_eq!(table.house.ledger().count as usize, LIES.len() + 1);
}
