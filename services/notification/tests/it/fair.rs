//! Senders go from organisation to organisation: nobody's mails wait behind another's thousands.

use std::collections::BTreeSet;

use behaviour::json;
use chrono::{TimeDelta, Utc};
use diesel::PgConnection;
use mail_sink::Dials;
use notification::outbox;
use notification::settings::Settings;
use uuid::Uuid;

use crate::here::{Change, Here, PATIENCE, until};

/// An API with so many watchers.
fn watched(here: &Here, watchers: usize) -> (Uuid, Uuid) {
    let (org, api) = (here.organisation(), Uuid::now_v7());
    for _ in 0..watchers {
        here.watch(org, here.person(org, "member").profile, "api", api);
    }
    (org, api)
}

#[test]
fn one_organisations_flood_holds_nobody_up() {
    let here = Here::new();
    let (flood, others) = (watched(&here, 90), [watched(&here, 1), watched(&here, 1), watched(&here, 1)]);
    // Nobody sends, so the flood's mails are all older than the others'.
    let reader = here.start_with(Settings { mail_senders: 0, ..here.settings() });
    let mut waiting = 0;
    for (org, api, mails) in
        [(flood, 90)].into_iter().chain(others.map(|other| (other, 1))).map(|((o, a), n)| (o, a, n))
    {
        here.change(&Change::new("registry", "ApiModified", org, api).to(json!({"name": org})));
        waiting += mails;
        let all = "select count(*) from notification.deliveries where status = 'waiting'";
        until("its mails wait", || here.count(all) == waiting);
    }
    drop(reader);
    here.sink.set_dials(Dials { delay_ms: 20, ..Dials::default() });
    let _service = here.start();
    assert!(here.sink.wait_for(PATIENCE, |mails| mails.len() == 93));
    let mails = here.sink.mails();
    let place = |(org, _): &(Uuid, Uuid)| mails.iter().position(|mail| mail.subject().contains(&org.to_string()));
    let places = others.each_ref().map(|other| place(other).unwrap());
    // Two senders take four mails each.
    assert!(places.iter().all(|place| *place < 16), "{places:?} of {}", mails.len());
}

const DUE: &str = "'waiting', now() - interval '1 minute'";
const LATER: &str = "'waiting', now() + interval '1 hour'";
const SENT: &str = "'sent', null";

/// So many organisations with so many mails each.
fn mails(here: &Here, organisations: i64, mails: i64, state: &str) {
    here.run(
        "superuser",
        &format!(
            "insert into notification.deliveries (organisation_id, id, profile_id, recipient, subject, attempts, version, created_at, \
             status, next_attempt_at) \
             select o.id, gen_random_uuid(), gen_random_uuid(), 'ada@x.example', 'x', 0, 1, now(), {state} \
             from (select gen_random_uuid() as id from generate_series(1, {organisations})) o, generate_series(1, {mails})"
        ),
    );
}

/// Claims of four mails: whose they are, and how many blocks of tables and indexes they read together.
fn claimed(here: &Here, connection: &mut PgConnection, claims: usize) -> (Vec<Uuid>, i64) {
    let read = "select coalesce(sum(s.shared_blks_hit + s.shared_blks_read), 0)::int8 from dba.pg_stat_statements s \
         join pg_database d on d.oid = s.dbid where d.datname = current_database() and s.query like '%notification.deliveries%for update skip%'";
    outbox::prepare(connection).unwrap();
    let (now, mut after, before) = (Utc::now(), Uuid::nil(), here.count(read));
    let mut organisations = Vec::new();
    for _ in 0..claims {
        let claims = outbox::claim(connection, now, TimeDelta::hours(1), 4, &mut after).unwrap();
        organisations.extend(claims.iter().map(|claim| claim.organisation_id));
    }
    (organisations, here.count(read) - before)
}

#[test]
fn a_claim_costs_the_same_however_much_waits() {
    let different = |organisations: &[Uuid]| organisations.iter().collect::<BTreeSet<_>>().len();
    let mut costs = Vec::new();
    // One organisation alone, few mails and many; very many organisations; and one whose mail is due among them that all wait for later.
    for (organisations, each, state, of) in
        [(1, 80, DUE, 1), (1, 20_000, DUE, 1), (20_000, 1, DUE, 80), (20_000, 1, LATER, 1)]
    {
        let here = Here::new();
        // What the statistics know: nothing waits.
        mails(&here, 100, 20, SENT);
        here.run("superuser", "analyze notification.deliveries");
        mails(&here, organisations, each, state);
        if state == LATER {
            mails(&here, 1, 80, DUE);
        }
        let (whose, blocks) = claimed(&here, &mut here.writer(), 20);
        assert_eq!((whose.len(), different(&whose)), (80, of), "{organisations} with {each}");
        costs.push(blocks / 20);
    }
    println!("blocks read by a claim: {costs:?}");
    // Each mail that was claimed is still in the indexes while a transaction is open anywhere.
    assert!(costs[..3].iter().all(|cost| *cost < 1_000), "{costs:?}");
    // Its walk ends after a thousand organisations.
    assert!(costs[3] < 8_000, "{costs:?}");
}

#[test]
fn what_one_organisation_has_held_back_is_looked_at_in_short_transactions() {
    let here = Here::new();
    mails(&here, 1, 2_000, "'held', now() - interval '1 minute'");
    let (org, api) = watched(&here, 1);
    here.change(&Change::new("registry", "ApiModified", org, api).to(json!({"name": "a"})));
    let _service = here.start_with(Settings { mail_senders: 0, ..here.settings() });
    let open = "select count(*) from notification.deliveries where status = 'held' and address_id is null";
    until("all are looked at", || here.all_read() && here.count(open) == 0);
    let by = |which: &str| format!("select xmin::text as line from notification.deliveries where {which}");
    let ones: BTreeSet<_> = here.lines(&by("status = 'held'")).into_iter().collect();
    assert!(ones.len() >= 4, "{ones:?}");
    let others = here.lines(&by(&format!("organisation_id = '{org}'")));
    assert!(others.len() == 1 && !ones.contains(&others[0]), "{others:?} {ones:?}");
}

#[test]
fn what_others_have_held_back_doesnt_wait_for_one_organisations() {
    let here = Here::new();
    mails(&here, 1, 3_000, "'held', now() - interval '1 hour'");
    mails(&here, 3, 1, "'held', now() - interval '1 minute'");
    let _service = here.start_with(Settings { mail_senders: 0, ..here.settings() });
    let open = "select count(*) from notification.deliveries where status = 'held' and address_id is null";
    until("all are looked at", || here.count(open) == 0);
    // Batches are transactions of 500: the three come in the one after the first.
    let batches = here.lines(
        "select max(n)::text as line from (select organisation_id, dense_rank() over (order by xmin::text::int8) as n \
         from notification.deliveries where status = 'held') d group by organisation_id having count(*) = 1",
    );
    assert_eq!(batches, ["2", "2", "2"]);
}

#[test]
fn two_instances_share_what_is_due() {
    let here = Here::new();
    mails(&here, 3, 40, DUE);
    let claim = || {
        let (mut connection, mut after, mut ids) = (here.writer(), Uuid::nil(), Vec::new());
        loop {
            let claims = outbox::claim(&mut connection, Utc::now(), TimeDelta::hours(1), 4, &mut after).unwrap();
            if claims.is_empty() {
                return ids;
            }
            ids.extend(claims.into_iter().map(|claim| claim.id));
        }
    };
    let mut ids = std::thread::scope(|scope| {
        let both = [scope.spawn(claim), scope.spawn(claim)];
        both.map(|one| one.join().unwrap()).concat()
    });
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!((all, ids.len()), (120, 120), "each is claimed once");
}
