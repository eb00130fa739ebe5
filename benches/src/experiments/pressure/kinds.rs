//! What each kind of pressure does.

use crate::measure::sessions::Actor;

/// One kind of pressure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Pressure {
    /// Rows of the five most popular organisations are held, in every service's tables, again and again.
    Rowlock,
    /// Each service's busiest table is locked exclusively, once a second: like queueing behind a DDL statement.
    Ddlqueue,
    /// A snapshot is held while one row is updated again and again: old row versions pile up.
    XminHold,
    /// Connections are taken, so that fewer are left for the services.
    Conn,
}

/// The tables with the most requests, one a service.
const TABLES: [&str; 5] =
    ["registry.apis", "profile.profiles", "account.organisations", "billing.invoices", "notification.notifications"];

const GRANTS: [&str; 2] = [
    "grant usage on schema registry, profile, account, billing, notification to {role}",
    "grant select, update on registry.apis, registry.usage, profile.profiles, account.organisations, billing.invoices, \
     notification.notifications to {role}",
];

impl Pressure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rowlock, Self::Ddlqueue, Self::XminHold, Self::Conn];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rowlock => "rowlock",
            Self::Ddlqueue => "ddlqueue",
            Self::XminHold => "xmin-hold",
            Self::Conn => "conn",
        }
    }

    /// Of its levels.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Rowlock => "ms held, four times a second",
            Self::Ddlqueue => "ms held, once a second",
            Self::XminHold => "hot updates a second",
            Self::Conn => "connections taken",
        }
    }

    /// From light to heavy.
    #[must_use]
    pub fn levels(self) -> [f64; 3] {
        match self {
            Self::Rowlock => [20.0, 80.0, 200.0],
            Self::Ddlqueue => [20.0, 100.0, 500.0],
            Self::XminHold => [50.0, 200.0, 800.0],
            Self::Conn => [40.0, 90.0, 140.0],
        }
    }

    /// Who presses at this level.
    #[must_use]
    pub fn actors(self, level: f64) -> Vec<Actor> {
        match self {
            Self::Rowlock => vec![rowlock(level)],
            Self::Ddlqueue => vec![ddlqueue(level)],
            Self::XminHold => xmin_hold(level),
            Self::Conn => {
                let mut taken = Actor::session("pressure", "lab_pressure", &[], &["select 1"]);
                taken.sessions = level as u32;
                // Once, and then they idle.
                taken.every_ms = Some(3_600_000.0);
                vec![taken]
            }
        }
    }
}

fn rowlock(hold_ms: f64) -> Actor {
    let org = "any ((array[{orgs}])[1:5]::uuid[])";
    let mut script = vec!["begin".to_owned()];
    script.push(format!("select from account.organisations where id = {org} for update"));
    for table in ["registry.usage", "profile.profiles", "notification.notifications", "billing.invoices"] {
        script.push(format!("select from {table} where organisation_id = {org} for update"));
    }
    script.extend([format!(r"\sleep {hold_ms:.0} ms"), "commit".to_owned()]);
    repeated(&script, 250.0)
}

fn ddlqueue(hold_ms: f64) -> Actor {
    let mut script = vec!["begin".to_owned()];
    script.push(format!("lock table {} in access exclusive mode", TABLES.join(", ")));
    script.extend([format!(r"\sleep {hold_ms:.0} ms"), "commit".to_owned()]);
    repeated(&script, 1000.0)
}

fn xmin_hold(per_s: f64) -> Vec<Actor> {
    let mut holder = Actor::session(
        "holder",
        "lab_holder",
        &GRANTS,
        &["begin isolation level repeatable read", "select count(*) from registry.usage", r"\sleep 900 ms", "commit"],
    );
    // Again and again, so that it ends with the cell; the horizon moves once a second.
    holder.begin.clear();
    let update = "update registry.usage set apis = apis where organisation_id = (array[{orgs}])[1]::uuid".to_owned();
    vec![holder, repeated(&[update], 1000.0 / per_s)]
}

fn repeated(script: &[String], every_ms: f64) -> Actor {
    let steps: Vec<&str> = script.iter().map(String::as_str).collect();
    let mut actor = Actor::session("pressure", "lab_pressure", &GRANTS, &steps);
    actor.every_ms = Some(every_ms);
    actor
}
