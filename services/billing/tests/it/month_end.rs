//! The month that is over stands still: whenever its run begins, it is billed as it was at its last moment.

use behaviour::Tenant;
use billing::period::Period;
use chrono::{DateTime, TimeDelta, Utc};

use crate::house::{House, set_clock, this_month};
use crate::runs::{Amount, Amounts};

/// A change of Account or Billing, as they write it.
fn change(
    house: &House,
    role: &str,
    kind: &str,
    org: Option<uuid::Uuid>,
    entity: &str,
    at: DateTime<Utc>,
    sides: [&str; 2],
) {
    let org = format!("'{}'", org.unwrap_or_default());
    let [before, after] = sides;
    house.sql(&format!(
        "insert into {role}.changes (at, kind, organisation_id, entity_id, version, request_id, before, after) \
         values ('{at}', '{kind}', {org}, '{entity}', 2, 'r', '{before}', '{after}')"
    ));
}

/// Chooses another plan, as Account does.
fn choose(house: &House, tenant: &Tenant, from: &str, to: &str, at: DateTime<Utc>) {
    let org = tenant.org;
    house.sql(&format!("update account.organisations set plan_code = '{to}' where id = '{org}'"));
    let sides = [format!(r#"{{"plan": "{from}"}}"#), format!(r#"{{"plan": "{to}"}}"#)];
    change(
        house,
        "account",
        "SubscriptionPlanModified",
        Some(org),
        &org.to_string(),
        at,
        sides.each_ref().map(String::as_str),
    );
}

fn price(house: &House, code: &str, from: i64, to: i64, at: DateTime<Utc>) {
    house.sql(&format!("update account.plans set monthly_price_cents = {to} where code = '{code}'"));
    let side = |cents: i64| {
        format!(
            r#"{{"kind": "fixed", "currency": "EUR", "monthlyPriceCents": {cents}, "apiPriceCents": 0, "domainPriceCents": 0,
                "subDomainPriceCents": 0, "userPriceCents": 0}}"#
        )
    };
    change(house, "account", "PlanModified", None, code, at, [side(from), side(to)].each_ref().map(String::as_str));
}

fn amounts(house: &House, period: Period, tenants: &[Tenant]) -> Vec<Option<i64>> {
    let rows: Vec<Amount> = house.rows(Amounts {});
    let of =
        |tenant: &Tenant| rows.iter().find(|row| row.0 == tenant.org && row.1 == period.to_string()).map(|row| row.2);
    tenants.iter().map(of).collect()
}

#[test]
fn the_same_invoice_at_three_moments_of_the_run() {
    let minute = TimeDelta::minutes(1);
    let moments = [TimeDelta::minutes(10), TimeDelta::days(3), TimeDelta::days(61)];
    for after in moments {
        let house = House::new();
        let (period, _) = this_month();
        let end = period.end();
        let tenants: Vec<_> =
            ["enterprise", "free", "team", "team", "free"].iter().map(|plan| house.world.tenant(plan)).collect();
        // In the month: it counts in full.
        choose(&house, &tenants[4], "free", "team", end - minute);
        // Left, and chosen, two minutes after it; then, and once more, weeks later.
        choose(&house, &tenants[0], "enterprise", "free", end + minute * 2);
        choose(&house, &tenants[1], "free", "enterprise", end + minute * 2);
        choose(&house, &tenants[3], "team", "free", end + minute * 3);
        price(&house, "team", 4900, 9900, end + minute * 4);
        if after > TimeDelta::days(40) {
            choose(&house, &tenants[1], "enterprise", "team", end + TimeDelta::days(40));
            price(&house, "team", 9900, 19_900, end + TimeDelta::days(41));
            // What the feed's readers have read goes after 30 days, but not this.
            house.sql(
                "insert into notification.feed_cursors (feed, xid, id, updated_at) \
                select 'account', max(xid), max(id), now() from account.changes",
            );
            let (read, write) = (house.db.url("account_reader"), house.db.url("account_writer"));
            let file = tempfile::NamedTempFile::new().unwrap();
            set_clock(file.path(), end + after);
            let clock = kit::Clock::new(Some(file.path().to_owned()));
            kit::testing::purge_changes("account", &read, &write, &clock).unwrap();
        }
        house.go_to(end + after);
        house.run(period).expect(202);
        house.tick(end + after);
        let expected = [Some(99_900), Some(0), Some(4900), Some(4900), Some(4900)];
        assert_eq!(amounts(&house, period, &tenants), expected, "{after} after the end");
    }
}

/// Four months, frozen from the first days of the second to the last days of the fourth.
#[test]
fn frozen_from_first_to_last_is_not_billed() {
    for after in [TimeDelta::minutes(10), TimeDelta::days(3)] {
        let house = House::new();
        let (last, _) = this_month();
        let months = [last.before().before().before(), last.before().before(), last.before(), last];
        let tenants = [house.world.tenant("team"), house.world.tenant("team")];
        for tenant in &tenants {
            house.made_at(tenant, months[0].begin() - TimeDelta::days(1));
        }
        let org = tenants[0].org;
        let freeze = |at: DateTime<Utc>| {
            house.sql(&format!(
                "insert into billing.standings (organisation_id, standing, overdue_since, first_failed_at, frozen_at, version, updated_at) \
                 values ('{org}', 'frozen', '{at}', '{at}', '{at}', 2, '{at}') on conflict (organisation_id) do update set \
                 standing = 'frozen', overdue_since = '{at}', first_failed_at = '{at}', frozen_at = '{at}'"
            ));
        };
        let frozen = months[1].begin() + TimeDelta::days(2);
        for (number, month) in months.iter().enumerate() {
            if number == 1 {
                freeze(frozen);
            }
            // The third month's run begins when it has been paid, in the fourth.
            if number == 2 {
                house.sql(&format!(
                    "update billing.standings set standing = 'active', overdue_since = null, \
                    first_failed_at = null, frozen_at = null where organisation_id = '{org}'"
                ));
                let before =
                    format!(r#"{{"standing": "frozen", "overdueSince": "{frozen:?}", "frozenAt": "{frozen:?}"}}"#);
                let at = month.end() + TimeDelta::minutes(5);
                change(&house, "billing", "OrganisationUnfrozen", Some(org), &org.to_string(), at, [&before, "{}"]);
            }
            let time = month.end() + after;
            house.go_to(time);
            let status = house.run(*month).status;
            assert!(matches!(status, 200 | 202), "{status}");
            house.tick(time);
        }
        let billed = |month: Period| amounts(&house, month, &tenants);
        assert_eq!(billed(months[0]), [Some(4900), Some(4900)]);
        assert_eq!(billed(months[1]), [Some(4900), Some(4900)], "frozen for a part of it");
        assert_eq!(billed(months[2]), [None, Some(4900)], "frozen from first to last");
        assert_eq!(billed(months[3]), [Some(4900), Some(4900)]);
    }
}
