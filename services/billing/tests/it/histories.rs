//! Frozen exactly when overdue past the grace period: month-long histories, all in one town.
//!
//! Day 0 is the first charge of the month's invoice, three days after it was written. A charge that fails then is
//! repeated on days 1, 3 and 7; the invoice is overdue when the last of these has failed, and the organisation is frozen
//! 14 days after the first failure. Each history says on which days its standing changes; at every quarter of a day the
//! published standing must be what it says, and what follows from the attempts that are written down.

use behaviour::Tenant;
use behaviour::assert::problem_of;
use chrono::{DateTime, TimeDelta, Utc};

use crate::house::{House, this_month};

const GOOD: &str = "pm_card_visa";
const BAD: &str = "pm_card_chargeCustomerFail";

/// What somebody does on some day.
#[derive(Clone, Copy)]
enum Act {
    /// Another card.
    Card(&'static str),
    /// No card any more.
    NoCard,
    /// Pays the first or second invoice by hand.
    Pay(usize),
    /// Tries to, and is declined.
    Declined(usize),
    /// Another plan.
    Plan(&'static str),
}
use Act::{Card, Declined, NoCard, Pay, Plan};

struct History {
    name: &'static str,
    /// Whether a second invoice comes: of the month before, first charged on day 8.
    two: bool,
    card: Option<&'static str>,
    acts: &'static [(f64, Act)],
    /// From which day on it stands how; before: active.
    standings: &'static [(f64, &'static str)],
    /// How the invoices end.
    invoices: &'static [&'static str],
}

/// Times between the quarters of a day: what is done by hand doesn't fall together with what is due.
const HISTORIES: &[History] = &[
    History { name: "paid at once", two: false, card: Some(GOOD), acts: &[], standings: &[], invoices: &["paid"] },
    History {
        name: "never a card: no card is a failed charge",
        two: false,
        card: None,
        acts: &[],
        standings: &[(7.0, "overdue"), (14.0, "frozen")],
        invoices: &["overdue"],
    },
    History {
        name: "paid by hand between overdue and frozen",
        two: false,
        card: Some(BAD),
        acts: &[(10.1, Card(GOOD)), (10.1, Pay(0))],
        standings: &[(7.0, "overdue"), (10.1, "active")],
        invoices: &["paid"],
    },
    History {
        name: "card replaced: the next retry pays",
        two: false,
        card: Some(BAD),
        acts: &[(2.1, Card(GOOD))],
        standings: &[],
        invoices: &["paid"],
    },
    History {
        name: "first card just before the last retry",
        two: false,
        card: None,
        acts: &[(6.9, Card(GOOD))],
        standings: &[],
        invoices: &["paid"],
    },
    History {
        name: "card replaced after the last retry: a card alone pays nothing",
        two: false,
        card: Some(BAD),
        acts: &[(8.1, Card(GOOD))],
        standings: &[(7.0, "overdue"), (14.0, "frozen")],
        invoices: &["overdue"],
    },
    History {
        name: "paid late: frozen, and active at once",
        two: false,
        card: Some(BAD),
        acts: &[(20.1, Card(GOOD)), (20.1, Pay(0))],
        standings: &[(7.0, "overdue"), (14.0, "frozen"), (20.1, "active")],
        invoices: &["paid"],
    },
    History {
        name: "paid in the last hours of grace: never frozen",
        two: false,
        card: Some(BAD),
        acts: &[(13.9, Card(GOOD)), (13.9, Pay(0))],
        standings: &[(7.0, "overdue"), (13.9, "active")],
        invoices: &["paid"],
    },
    History {
        name: "payments by hand that are declined prolong nothing",
        two: false,
        card: Some(BAD),
        acts: &[(2.1, Declined(0)), (10.1, Declined(0)), (20.1, Declined(0))],
        standings: &[(7.0, "overdue"), (14.0, "frozen")],
        invoices: &["overdue"],
    },
    History {
        name: "a payment by hand that fails before the first charge is the first failure",
        two: false,
        card: Some(BAD),
        acts: &[(-1.9, Declined(0))],
        standings: &[(5.25, "overdue"), (12.25, "frozen")],
        invoices: &["overdue"],
    },
    History {
        name: "plan changed: what was billed is owed",
        two: false,
        card: Some(BAD),
        acts: &[(4.1, Plan("free"))],
        standings: &[(7.0, "overdue"), (14.0, "frozen")],
        invoices: &["overdue"],
    },
    History {
        name: "paid by hand before the first charge, then the card is gone",
        two: false,
        card: Some(GOOD),
        acts: &[(-1.9, Pay(0)), (-1.8, NoCard)],
        standings: &[],
        invoices: &["paid"],
    },
    History {
        name: "one of two paid, the other past its grace: frozen until both are",
        two: true,
        card: Some(BAD),
        acts: &[(23.1, Card(GOOD)), (23.1, Pay(1)), (25.1, Pay(0))],
        standings: &[(7.0, "overdue"), (14.0, "frozen"), (25.1, "active")],
        invoices: &["paid", "paid"],
    },
    History {
        name: "one of two paid, the other within its grace: overdue, frozen when that ends",
        two: true,
        card: Some(BAD),
        acts: &[(16.1, Card(GOOD)), (16.1, Pay(1)), (16.1, Card(BAD))],
        standings: &[(7.0, "overdue"), (14.0, "frozen"), (16.1, "overdue"), (22.0, "frozen")],
        invoices: &["overdue", "paid"],
    },
    History {
        name: "the second paid before it is overdue: the first decides",
        two: true,
        card: Some(BAD),
        acts: &[(9.1, Card(GOOD))],
        standings: &[(7.0, "overdue"), (14.0, "frozen")],
        invoices: &["paid", "overdue"],
    },
];

impl History {
    fn standing(&self, day: f64) -> &'static str {
        let reached = self.standings.iter().rev().find(|(from, _)| *from <= day);
        reached.map_or("active", |(_, standing)| standing)
    }
}

fn act(house: &House, tenant: &Tenant, act: Act) {
    // By period: the invoice of the month before, where there is one, comes first.
    let invoice = |n: usize| house.invoices(tenant)[n]["id"].as_str().unwrap().to_owned();
    match act {
        Card(token) => house.card(tenant, token),
        Pay(n) => drop(house.pay(tenant, &invoice(n)).expect(200)),
        Declined(n) => drop(problem_of(&house.pay(tenant, &invoice(n)), 409, "payment-declined")),
        Plan(code) => {
            house.sql(&format!("update account.organisations set plan_code = '{code}' where id = '{}'", tenant.org))
        }
        NoCard => {
            let path = tenant.path("/payment-method");
            let etag = house.admin(tenant, house.api().get(&path)).send().etag();
            house.admin(tenant, house.api().delete(&path).if_match(&etag)).send().expect(204);
        }
    }
}

kit::statement! {
    /// Organisations that should be frozen, from what is written down of attempts alone.
    struct ShouldBeFrozen(now: DateTime<Utc> as Timestamptz) -> Uuid =
        "select distinct i.organisation_id from billing.invoices i \
         where i.paid_at is null and 4 <= (select count(*) from billing.payment_attempts a \
            where a.organisation_id = i.organisation_id and a.invoice_id = i.id and a.outcome = 'failed') \
         and $1 >= interval '14 days' + (select min(a.finished_at) from billing.payment_attempts a \
            where a.organisation_id = i.organisation_id and a.invoice_id = i.id and a.outcome = 'failed') order by 1"
}

kit::statement! {
    /// Organisations that are.
    struct Frozen() -> Uuid = "select s.organisation_id from published.standings s where s.standing = 'frozen' order by 1"
}

#[test]
fn frozen_exactly_when_overdue_past_the_grace_period() {
    let house = House::new();
    let (period, time) = this_month();
    let tenants: Vec<Tenant> = HISTORIES.iter().map(|_| house.world.tenant("team")).collect();
    for (history, tenant) in HISTORIES.iter().zip(&tenants) {
        if history.two {
            house.made_at(tenant, period.before().before().end());
        }
        if let Some(card) = history.card {
            house.card(tenant, card);
        }
    }
    let first_charge = time + TimeDelta::days(3);
    let at = |day: f64| first_charge + TimeDelta::seconds((day * 86_400.0).round() as i64);
    let mut acts: Vec<(f64, usize, Act)> = Vec::new();
    for (n, history) in HISTORIES.iter().enumerate() {
        acts.extend(history.acts.iter().map(|(day, act)| (*day, n, *act)));
    }
    acts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut acts = acts.into_iter().peekable();
    house.go_to(time);
    house.run(period).expect(202);
    for quarter in -12..=31 * 4 {
        let day = f64::from(quarter) / 4.0;
        while let Some((when, n, what)) = acts.next_if(|(when, ..)| *when <= day) {
            house.go_to(at(when));
            act(&house, &tenants[n], what);
        }
        if quarter == 20 {
            // The month before is billed late: written on day 5, charged first on day 8.
            house.go_to(at(day));
            house.run(period.before()).expect(202);
        }
        house.tick(at(day));
        for (history, tenant) in HISTORIES.iter().zip(&tenants) {
            assert_eq!(house.standing(tenant), history.standing(day), "day {day}: {}", history.name);
        }
        let now = at(day);
        let should: Vec<uuid::Uuid> = house.rows(ShouldBeFrozen { now });
        assert_eq!(house.rows::<_, uuid::Uuid>(Frozen {}), should, "day {day}");
    }
    assert!(acts.next().is_none());
    house.go_to(at(31.0));
    let mut owed = 0;
    for (history, tenant) in HISTORIES.iter().zip(&tenants) {
        let invoices = house.invoices(tenant);
        let ends: Vec<&str> = invoices.iter().map(|invoice| invoice["status"].as_str().unwrap()).collect();
        assert_eq!(ends, history.invoices, "{}", history.name);
        owed += history.invoices.iter().filter(|end| **end == "paid").count();
        let shown = house.admin(tenant, house.api().get(&tenant.path("/standing"))).send().expect(200).json();
        assert_eq!(shown["standing"], history.standing(31.0), "{}", history.name);
    }
    assert_eq!(house.ledger().count, owed as u64, "every paid invoice was charged once");
}
