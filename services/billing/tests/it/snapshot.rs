//! The run's one snapshot: its counts are those of one moment, whatever is created meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use behaviour::Tenant;
use billing::store::runs::take_snapshot;
use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use kit::id::RunId;

use crate::house::{House, this_month};
use crate::runs::{Amount, Amounts, Wrong};

kit::statement! {
    /// What the run copied.
    struct Copied() -> (Uuid, Integer, Integer, Integer, Integer) =
        "select i.organisation_id, i.apis, i.domains, i.sub_domains, i.users from billing.run_items i order by 1"
}

kit::statement! {
    /// The same, counted from the tables themselves.
    struct Counted() -> (Uuid, Integer, Integer, Integer, Integer) =
        "select o.id, \
         (select count(*) from registry.apis a where a.organisation_id = o.id)::integer, \
         (select count(*) from registry.domains d where d.organisation_id = o.id)::integer, \
         (select count(*) from registry.sub_domains s where s.organisation_id = o.id)::integer, \
         (select count(*) from profile.profiles p where p.organisation_id = o.id and p.deleted_at is null)::integer \
         from account.organisations o order by 1"
}

kit::statement! {
    /// A snapshot that others can look through.
    struct Export() -> Text = "select pg_catalog.pg_export_snapshot()"
}

type Counts = (uuid::Uuid, i32, i32, i32, i32);

/// Registers a domain, a sub domain and two APIs, as Registry does: the counters in the same transaction.
fn register(connection: &mut PgConnection, tenant: &Tenant, n: u64) {
    let (org, domain, sub) = (tenant.org, uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    let sql = format!(
        "begin; \
         insert into registry.usage as u (organisation_id, apis, domains, sub_domains) values ('{org}', 2, 1, 1) \
         on conflict (organisation_id) do update set apis = u.apis + 2, domains = u.domains + 1, sub_domains = u.sub_domains + 1; \
         insert into registry.domains (organisation_id, id, name, version, created_at, updated_at) \
         values ('{org}', '{domain}', 'd{n}', 1, now(), now()); \
         insert into registry.sub_domains (organisation_id, id, domain_id, name, version, created_at, updated_at) \
         values ('{org}', '{sub}', '{domain}', 's{n}', 1, now(), now()); \
         insert into registry.apis (organisation_id, id, sub_domain_id, name, version, created_at, updated_at) \
         select '{org}', gen_random_uuid(), '{sub}', 'a{n}-' || k, 1, now(), now() from generate_series(1, 2) k; \
         commit"
    );
    connection.batch_execute(&sql).unwrap();
}

/// Registers in one tenant after the other, round after round, until told to stop, and calls `meanwhile` after `rounds`.
fn while_registering(house: &House, tenants: &[Tenant], rounds: u64, meanwhile: impl FnOnce()) {
    let (stop, reached) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = house.db.connect("registry_writer");
            for n in 0.. {
                for tenant in tenants {
                    register(&mut connection, tenant, n);
                }
                reached.store(n >= rounds, Ordering::SeqCst);
                if stop.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        while !reached.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        meanwhile();
        stop.store(true, Ordering::SeqCst);
    });
}

#[test]
fn the_counts_are_those_of_the_snapshot() {
    let house = House::new();
    let tenants: Vec<Tenant> = (0..8).map(|_| house.world.tenant("payg")).collect();
    let (period, time) = this_month();
    house.go_to(time);
    let id = RunId(house.run(period).expect(202).id());
    let mut counted: Vec<Counts> = Vec::new();
    while_registering(&house, &tenants, 5, || {
        let (mut audit, mut service) = (house.db.connect("superuser"), house.db.connect("billing_writer"));
        audit.batch_execute("begin isolation level repeatable read").unwrap();
        let snapshot: String = Export {}.get_result(&mut audit).unwrap();
        service
            .batch_execute(&format!("begin isolation level repeatable read; set transaction snapshot '{snapshot}'"))
            .unwrap();
        take_snapshot(&mut service, id, time).unwrap();
        service.batch_execute("commit").unwrap();
        counted = Counted {}.load(&mut audit).unwrap();
    });
    let copied: Vec<Counts> = house.rows(Copied {});
    assert_eq!(copied, counted);
    assert!(copied.iter().all(|(_, apis, ..)| *apis >= 10));
    house.tick(time);
    assert_eq!(house.rows::<_, (uuid::Uuid, i64, Option<i64>)>(Wrong {}), []);
    let amounts: Vec<Amount> = house.rows(Amounts {});
    for (org, apis, domains, sub_domains, users) in copied {
        let amount = amounts.iter().find(|amount| amount.0 == org).unwrap().2;
        assert_eq!(amount, i64::from(apis * 50 + domains * 200 + sub_domains * 100 + users * 150));
    }
}

#[test]
fn all_counts_are_of_one_moment() {
    let house = House::new();
    let tenants: Vec<Tenant> = (0..8).map(|_| house.world.tenant("payg")).collect();
    let (period, time) = this_month();
    house.go_to(time);
    house.run(period).expect(202);
    while_registering(&house, &tenants, 3, || house.tick(time));
    let copied: Vec<Counts> = house.rows(Copied {});
    let domains = |tenant: &Tenant| copied.iter().find(|counts| counts.0 == tenant.org).unwrap().2;
    let in_order: Vec<i32> = tenants.iter().map(domains).collect();
    // Each was registered in before the next: at any one moment the first are at most one ahead of the last.
    assert!(in_order.is_sorted_by(|a, b| a >= b), "{in_order:?}");
    assert!(in_order[0] - in_order[7] <= 1, "{in_order:?}");
}
