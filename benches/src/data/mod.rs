//! The lab's seeded data, and which id each ordinal of a schedule has.

use std::collections::HashMap;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use postgres::Client;
use uuid::Uuid;

mod tokens;

use crate::Failure;
use tokens::Mint;

/// How large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// APIs, about.
    pub apis: u64,
    /// Organisations.
    pub organisations: u64,
}

impl Size {
    /// 300 APIs of 10 organisations: to try a target.
    pub const TINY: Self = Self { apis: 300, organisations: 10 };
    /// 10,000 APIs of 100 organisations.
    pub const SMALL: Self = Self { apis: 10_000, organisations: 100 };
    /// 100,000 APIs of 1,000 organisations.
    pub const LARGE: Self = Self { apis: 100_000, organisations: 1_000 };
}

/// One organisation's ids, by ordinal, and the token that gives access to them.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// Its id.
    pub id: Uuid,
    /// `Bearer …` of one of its admins, who is the person `profiles[0]` where the login is linked to one.
    pub token: HeaderValue,
    /// Further headers of every request; our own services need none.
    pub headers: Arc<[(HeaderName, HeaderValue)]>,
    /// Ids of its APIs.
    pub apis: Vec<Uuid>,
    /// Ids of its sub domains.
    pub sub_domains: Vec<Uuid>,
    /// Ids of its people.
    pub profiles: Vec<Uuid>,
    /// Ids of its invoices.
    pub invoices: Vec<Uuid>,
    /// Ids of `profiles[0]`'s notifications.
    pub notifications: Vec<Uuid>,
}

/// All organisations, most popular first.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// By popularity rank.
    pub organisations: Vec<Organisation>,
}

/// Fills a database; rows of other organisations stay as they are. Needs a superuser: it stands in for what the services would have written over months.
pub fn generate(client: &mut Client, size: Size, seed: u64) -> Result<(), Failure> {
    let sql = include_str!("generate.sql")
        .replace("$apis", &size.apis.to_string())
        .replace("$organisations", &size.organisations.to_string())
        .replace("$seed", &seed.to_string());
    // `vacuum` can't run inside the implicit transaction of a script, so it goes by itself.
    let (script, vacuum) = sql.split_once("vacuum").unwrap_or((&sql, ""));
    client.batch_execute(script).map_err(|error| failed("generating the data set", &error))?;
    client.batch_execute(&format!("vacuum{vacuum}")).map_err(|error| failed("analysing the data set", &error))
}

/// Reads back which ids there are, and mints a token for each organisation. `open` connects to the database of a service as
/// superuser: each is asked for its own rows alone, so one database or five are the same here.
pub fn load(open: impl Fn(&str) -> Result<Client, Failure>, signing_key_pem: &str) -> Result<Dataset, Failure> {
    let refused = |error| failed("reading the data set", &error);
    let mut account = open("account")?;
    let kid: String = account
        .query_one(
            "select id from account.signing_keys where valid_until is null order by valid_from desc limit 1",
            &[],
        )
        .map_err(|error| failed("looking up the signing key", &error))?
        .get(0);
    let mint = Mint::new(signing_key_pem, kid)?;
    let ids = |service: &str, table: &str| -> Result<HashMap<Uuid, Vec<Uuid>>, Failure> {
        let sql =
            format!("select organisation_id, array_agg(id order by created_at, id) from {service}.{table} group by 1");
        let rows = open(service)?.query(&sql, &[]).map_err(refused)?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    };
    let (mut apis, mut sub_domains) = (ids("registry", "apis")?, ids("registry", "sub_domains")?);
    let (mut profiles, mut invoices) = (ids("profile", "profiles")?, ids("billing", "invoices")?);
    let rows = account.query(ORGANISATIONS, &[]).map_err(refused)?;
    let admins: Vec<Uuid> = rows.iter().filter_map(|row| row.get("profile")).collect();
    let told = open("notification")?.query(NOTIFICATIONS, &[&admins]).map_err(refused)?;
    let mut notifications: HashMap<Uuid, Vec<Uuid>> = told.iter().map(|row| (row.get(0), row.get(1))).collect();
    let organisations = rows
        .iter()
        .map(|row| {
            let (id, profile): (Uuid, Option<Uuid>) = (row.get("id"), row.get("profile"));
            let of = |ids: &mut HashMap<Uuid, Vec<Uuid>>| ids.remove(&id).unwrap_or_default();
            Ok(Organisation {
                id,
                token: mint.admin(id, row.get("login"), profile)?,
                headers: Arc::default(),
                apis: of(&mut apis),
                sub_domains: of(&mut sub_domains),
                profiles: of(&mut profiles),
                invoices: of(&mut invoices),
                notifications: profile.and_then(|profile| notifications.remove(&profile)).unwrap_or_default(),
            })
        })
        .collect::<Result<_, Failure>>()?;
    Ok(Dataset { organisations })
}

/// Each organisation in the order they were made. The first login belongs to the first person.
const ORGANISATIONS: &str = "
    select o.id, l.id as login, l.profile_id as profile
    from account.organisations o
    join lateral (
        select l.id, l.profile_id from account.logins l where l.organisation_id = o.id order by l.created_at, l.id limit 1
    ) l on true
    order by o.created_at, o.id";

/// Those of some people, by person.
const NOTIFICATIONS: &str = "
    select profile_id, array_agg(id order by created_at, id) from notification.notifications
    where profile_id = any($1) group by 1";

/// A connection for the lab's own work.
pub fn connect(url: &str) -> Result<Client, Failure> {
    schema::session::address(url)?.connect(|_| {}).map_err(refused)
}

/// A connection for questions about a database of whomever: what others have made there stands for nothing of Postgres's own.
pub fn connect_to_ask(url: &str) -> Result<Client, Failure> {
    schema::session::connect(&schema::session::address(url)?, |_| {}).map_err(refused)
}

fn refused(error: schema::connection::Error) -> Failure {
    match error {
        schema::connection::Error::Postgres(error) => failed("connecting to the database", &error),
        other => schema::Error::from(other).into(),
    }
}

/// A sentence that says what failed and Postgres' reason.
pub fn failed(doing: &str, error: &postgres::Error) -> Failure {
    let cause = schema::connection::sentence(error);
    Failure::could_not_run(format!("{doing}: {cause}."))
}

#[cfg(test)]
mod tests {
    use schema::testing::TestDb;
    use schema::testing::fixture::Rows;

    use super::*;

    /// An Ed25519 key of nobody: 32 zeros.
    const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
-----END PRIVATE KEY-----";

    /// A public sign-up makes a login without a person.
    #[test]
    fn an_organisation_whose_admin_is_no_person_yet_is_read() {
        let db = TestDb::new();
        let (org, login) = (Uuid::now_v7(), Uuid::now_v7());
        let rows = Rows::new(&db);
        rows.organisation(&org.to_string(), "Signed up", "free");
        rows.login(Some(&org.to_string()), &login.to_string(), "admin@signed-up.example", "admin", None);
        let mut client = connect(&db.url("superuser")).unwrap();
        client
            .execute("insert into account.signing_keys (id, public_key, valid_from) values ('k', '{}', now())", &[])
            .unwrap();
        let data = load(|_| connect(&db.url("superuser")), KEY).unwrap();
        let [of] = data.organisations.as_slice() else { panic!("{data:?}") };
        assert_eq!((of.id, of.profiles.len()), (org, 0));
        assert!(of.token.to_str().unwrap().starts_with("Bearer "));
    }
}
