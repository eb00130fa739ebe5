//! Every endpoint that writes leaves exactly the changes that `docs/contract/changes.yaml` names, in its own transaction.

use std::collections::BTreeMap;

use behaviour::http::Api;
use behaviour::{Call, Tenant, Value, json};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Jsonb, Nullable, Text, Uuid as SqlUuid};
use uuid::Uuid;

use crate::here::{Here, PASSWORD, unique};

/// What no endpoint writes: see `organisations.rs`.
const OF_A_JOB: &str = "PlanLimitExceeded";

const CHANGES: &str = include_str!("../../../../docs/contract/changes.yaml");

#[derive(QueryableByName, Debug)]
struct Row {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    entity_id: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    organisation_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    actor_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    before: Option<Value>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    after: Option<Value>,
    /// The entity's row was written by the transaction that wrote this one (or is gone).
    #[diesel(sql_type = diesel::sql_types::Bool)]
    same_transaction: bool,
}

/// The changes of one request, in the order of their writing.
fn changes_of(connection: &mut PgConnection, request_id: &str) -> Vec<Row> {
    sql_query(
        "select c.kind, c.entity_id, nullif(c.organisation_id, '00000000-0000-0000-0000-000000000000') as organisation_id, c.actor_id, c.before, c.after, \
         coalesce((select e.xmin = c.xmin from (\
            select o.id::text as id, o.xmin from account.organisations o \
            union all select l.id::text, l.xmin from account.logins l \
            union all select p.code, p.xmin from account.plans p) e where e.id = c.entity_id), c.after is null) as same_transaction \
         from account.changes c where c.request_id = $1 order by c.id",
    )
    .bind::<Text, _>(request_id)
    .load(connection)
    .expect("changes")
}

/// What an endpoint is called with, so that it writes all it can.
struct Endpoints<'a> {
    api: &'a Api,
    tenant: &'a Tenant,
    operator: &'a str,
    email: String,
}

impl Endpoints<'_> {
    fn login(&self, email: &str) -> Uuid {
        let body = json!({"email": email, "password": PASSWORD, "scope": "member"});
        let post = self.api.post(&self.tenant.path("/logins")).token(&self.tenant.admin_token);
        post.json(&body).send().expect(201).id()
    }

    fn call(&self, name: &str) -> (Call, u16) {
        let (api, tenant) = (self.api, self.tenant);
        let admin = tenant.admin_token.as_str();
        let mail = || format!("{}@here.example", unique());
        match name {
            "create_organisation" => {
                let body = json!({"name": unique(), "plan": "free", "admin": {"email": mail(), "password": PASSWORD}});
                (api.post("/organisations").json(&body), 201)
            }
            "update_organisation" => {
                let body = json!({"name": unique(), "plan": "enterprise"});
                (api.patch(&tenant.path("")).token(admin).if_match("\"1\"").json(&body), 200)
            }
            "create_login" => {
                let body = json!({"email": mail(), "password": PASSWORD, "scope": "member", "profileId": tenant.admin_profile});
                (api.post(&tenant.path("/logins")).token(admin).json(&body), 201)
            }
            "update_login" => {
                let body = json!({"email": mail(), "password": "another password", "scope": "admin", "disabled": true});
                let path = tenant.path(&format!("/logins/{}", self.login(&mail())));
                (api.patch(&path).token(admin).if_match("\"1\"").json(&body), 200)
            }
            "delete_login" => {
                let path = tenant.path(&format!("/logins/{}", self.login(&mail())));
                (api.delete(&path).token(admin).if_match("\"1\""), 204)
            }
            "change_password" => {
                let body = json!({"current": PASSWORD, "new": "quite another password"});
                (api.put("/logins/me/password").token(admin).json(&body), 204)
            }
            "create_plan" => {
                let body = json!({"code": unique(), "name": "x", "kind": "fixed", "currency": "EUR", "monthlyPriceCents": 1,
                    "limits": {"apis": 1, "domains": 1, "subDomains": 1, "users": 1},
                    "unitPricesCents": {"api": 0, "domain": 0, "subDomain": 0, "user": 0}});
                (api.post("/plans").token(self.operator).json(&body), 201)
            }
            "update_plan" => {
                let body = json!({"monthlyPriceCents": 7700});
                (api.patch("/plans/team").token(self.operator).if_match("\"1\"").json(&body), 200)
            }
            "create_session" => (api.post("/sessions").json(&json!({"email": self.email, "password": PASSWORD})), 200),
            "create_session+newPassword" => {
                let body = json!({"email": self.email, "password": PASSWORD, "newPassword": "the next password"});
                (api.post("/sessions").json(&body), 200)
            }
            other => panic!("{other} is in changes.yaml, but not tried here"),
        }
    }
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn texts(list: &Value) -> Vec<&str> {
    let mut texts: Vec<_> = list.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    texts.sort_unstable();
    texts
}

#[test]
fn every_endpoint_leaves_what_the_table_names() {
    let table: Value = serde_yaml_ng::from_str(CHANGES).expect("YAML");
    let table = &table["account"];
    let here = Here::new();
    let (_, email, _) = here.organisation("free");
    let (tenant, operator) = (here.world.tenant("team"), here.world.fixture.operator_token());
    // Linking the admin to a person was the organisation's login's change, not the organisation's: its version is 1.
    let endpoints = Endpoints { api: &here.account, tenant: &tenant, operator: &operator, email };
    let mut superuser = here.superuser();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (name, kinds) in table["endpoints"].as_object().expect("endpoints") {
        let id = format!("changes-{name}");
        let (call, status) = endpoints.call(name);
        call.header("x-request-id", &id).send().expect(status);
        let rows = changes_of(&mut superuser, &id);
        let mut left: Vec<_> = rows.iter().map(|row| row.kind.as_str()).collect();
        left.sort_unstable();
        assert_eq!(left, texts(kinds), "{name}");
        for row in &rows {
            *seen.entry(row.kind.clone()).or_default() += 1;
            assert!(row.same_transaction, "{name}: {row:?}");
            let declared = texts(&table["kinds"][&row.kind]);
            for side in [&row.before, &row.after].into_iter().flatten() {
                assert_eq!(keys(side), declared, "{name}: {row:?}");
            }
            assert_eq!(row.before.is_none(), row.kind.ends_with("Created"), "{row:?}");
            assert_eq!(row.after.is_none(), row.kind.ends_with("Deleted"), "{row:?}");
            assert_eq!(row.organisation_id.is_none(), row.kind.starts_with("Plan"), "{row:?}");
            assert_eq!(row.actor_id.is_none(), name == "create_organisation", "{name}: {row:?}");
            assert!(!row.entity_id.is_empty());
        }
    }
    for kind in table["kinds"].as_object().expect("kinds").keys() {
        assert!(seen.contains_key(kind) || kind == OF_A_JOB, "no endpoint wrote {kind}");
    }
}

#[test]
fn what_changes_nothing_leaves_nothing() {
    let here = Here::new();
    let (org, email, token) = here.organisation("free");
    let path = format!("/organisations/{org}");
    let own = here.account.get(&path).token(&token).send().expect(200).json();
    let mut superuser = here.superuser();
    let mut none = |call: Call, status: u16| {
        let id = format!("nothing-{}", unique());
        call.header("x-request-id", &id).send().expect(status);
        let rows = changes_of(&mut superuser, &id);
        assert!(rows.is_empty(), "{rows:?}");
    };
    let patch = |body: Value, etag: &str| here.account.patch(&path).token(&token).if_match(etag).json(&body);
    none(patch(json!({"name": own["name"], "plan": "free"}), "\"1\""), 200);
    none(patch(json!({"name": "stale"}), "\"7\""), 412);
    none(patch(json!({"plan": "none"}), "\"1\""), 422);
    let taken = json!({"name": unique(), "plan": "free", "admin": {"email": email, "password": PASSWORD}});
    none(here.account.post("/organisations").json(&taken), 409);
    none(here.account.post("/sessions").json(&json!({"email": email, "password": "a guess"})), 401);
    // A replay: the first one's change is all there is.
    let body = json!({"email": format!("{}@here.example", unique()), "password": PASSWORD, "scope": "member"});
    let post = || here.account.post(&format!("{path}/logins")).token(&token).idempotency_key("k").json(&body);
    post().send().expect(201);
    none(post(), 201);
}
