//! What the writers of the feeds' tests write to, and what must be true afterwards.

use std::thread;
use std::time::Duration;

use behaviour::json;
use chrono::Utc;
use diesel::connection::SimpleConnection as _;
use kit::id::LoginId;
use uuid::Uuid;

use crate::here::{Change, Here, count};

/// People who watch every API, and are admins.
pub const WATCHERS: usize = 3;
const APIS: usize = 4;

/// What the writers write to: APIs with watchers, an organisation with admins, a person.
pub struct Scene {
    pub here: Here,
    pub org: Uuid,
    pub apis: Vec<Uuid>,
    pub profile: Uuid,
    stranger: Uuid,
}

impl Scene {
    pub fn new() -> Self {
        let here = Here::new();
        let org = here.organisation();
        let people: Vec<_> = (0..WATCHERS).map(|_| here.person(org, "admin")).collect();
        let sub = Uuid::now_v7();
        here.run(
            "registry_writer",
            &format!(
                "insert into registry.domains (organisation_id, id, name, version, created_at, updated_at) \
                 values ('{org}', '{sub}', 'd', 1, now(), now()); \
                 insert into registry.sub_domains (organisation_id, id, domain_id, name, version, created_at, updated_at) \
                 values ('{org}', '{sub}', '{sub}', 's', 1, now(), now())"
            ),
        );
        let apis: Vec<_> = (0..APIS).map(|_| Uuid::now_v7()).collect();
        for api in &apis {
            here.run(
                "registry_writer",
                &format!(
                    "insert into registry.apis (organisation_id, id, sub_domain_id, name, version, created_at, updated_at) \
                     values ('{org}', '{api}', '{sub}', '{api}', 1, now(), now())"
                ),
            );
            for person in &people {
                here.watch(org, person.profile, "api", *api);
            }
        }
        let profile = people[0].profile;
        Self { here, org, apis, profile, stranger: LoginId::new(Utc::now()).0 }
    }

    pub fn change(&self, feed: &'static str, kind: &'static str, entity: Uuid, version: i64) -> Change {
        let (before, after) = (json!({"name": "a", "version": version - 1}), json!({"name": "a", "version": version}));
        Change::new(feed, kind, self.org, entity).version(version).by(self.stranger).from(before).to(after)
    }

    /// One transaction of Registry, as the rule is: the API's lock first, then everything else. Some are long, some are undone.
    pub fn write_api(&self, connection: &mut diesel::PgConnection, turn: u64) {
        let api = self.apis[(turn % APIS as u64) as usize];
        connection.batch_execute("begin").unwrap();
        let locked = connection.batch_execute(&format!(
            "select 1 from registry.apis where organisation_id = '{}' and id = '{api}' for no key update",
            self.org
        ));
        if locked.is_err() {
            // Its login waits a second for a lock; a client would try again.
            connection.batch_execute("rollback").unwrap();
            return;
        }
        connection
            .batch_execute(&format!("update registry.apis set version = version + 1 where id = '{api}'"))
            .unwrap();
        let version = count(connection, &format!("select version from registry.apis where id = '{api}'"));
        connection.batch_execute(&self.change("registry", "ApiModified", api, version).sql()).unwrap();
        self.end(connection, "registry", turn);
    }

    /// One transaction of another service. Its entities have a row of their own each time, so there is nothing to lock.
    pub fn write_other(&self, connection: &mut diesel::PgConnection, feed: &'static str, turn: u64) {
        let change = match feed {
            "account" => self.change(feed, "SubscriptionPlanModified", self.org, turn as i64),
            "profile" => self.change(feed, "ProfileModified", self.profile, turn as i64),
            _ => self.change(feed, "InvoicePaid", Uuid::now_v7(), 1),
        };
        connection.batch_execute("begin").unwrap();
        connection.batch_execute(&change.sql()).unwrap();
        self.end(connection, feed, turn);
    }

    fn end(&self, connection: &mut diesel::PgConnection, feed: &str, turn: u64) {
        if turn.is_multiple_of(7) {
            thread::sleep(Duration::from_millis(40 + turn % 90));
        }
        let end = if turn.is_multiple_of(11) { "rollback" } else { "commit" };
        connection.batch_execute(end).unwrap();
        connection.batch_execute(&format!("notify {feed}_changes")).unwrap();
    }

    /// Every (change, watcher) has its one notification, and nobody has another; each reads an API's changes in its order.
    pub fn check(&self) {
        let expected = "select 'registry' as feed, c.id, w.profile_id as who from registry.changes c \
             join registry.watches w on w.target_id::text = c.entity_id \
             union all select 'account', c.id, l.id from account.changes c join account.logins l on l.scope = 'admin' \
             union all select 'billing', c.id, l.id from billing.changes c join account.logins l on l.scope = 'admin' \
             union all select 'profile', c.id, c.entity_id::uuid from profile.changes c";
        let told = "select feed, change_id, coalesce(login_id, profile_id) from notification.notifications";
        let here = &self.here;
        assert_eq!(here.count(&format!("select count(*) from (({expected}) except all ({told})) lost")), 0, "lost");
        assert_eq!(
            here.count(&format!("select count(*) from (({told}) except all ({expected})) more")),
            0,
            "twice, or too many"
        );
        let disorder = "select count(*) from (select c.version, lag(c.version) over (partition by n.profile_id, n.entity_id \
             order by n.created_at, n.id) as before from notification.notifications n \
             join registry.changes c on c.id = n.change_id where n.feed = 'registry') v where v.before >= v.version";
        assert_eq!(here.count(disorder), 0, "out of the order of an API");
        let mails = "select count(*) from notification.notifications n where not exists ( \
             select from notification.deliveries d where d.organisation_id = n.organisation_id and d.id = n.delivery_id)";
        assert_eq!(here.count(mails), 0, "everybody is told at once, so each notification has its mail");
    }
}
