//! Owners who are gone: what keys across services would have refused, and nothing refuses where each service has a database of its own.
//!
//! Registry accepts an owner whom its copy knows while Profile deletes the person whom, by *its* copy, nobody needs: the deletion should have been
//! refused (a veto not given), and what is left names an owner who isn't there (an orphan).
//!
//! # The rule
//!
//! An API or a domain is an orphan when Registry names an owner whom Profile, asked itself and not by a copy, doesn't show, twice in a row
//! with [`Settings::patience_ms`] between. `--repair` removes the owner, and nothing else:
//!
//! 1. The field (`businessOwnerId`, `technicalOwnerId`) becomes null, by Registry's own writer under the row's lock, only where it still names this person.
//! 2. With the change that the service would have written (`DomainModified`, `ApiModified`): so ETags move on, watchers are told, the log has it. No
//!    actor, and a request id that begins with `orphans-`, as of a service's own jobs.
//! 3. Nobody is brought back: what the person was has been erased. Nobody else is named in their place: an admin decides.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postgres::Client;

use crate::Error;
use crate::relay::connect;

/// Settings of a look for orphans.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// Registry's own database, as its relay's login
    #[arg(long, env = "REGISTRY_RELAY_URL", hide_env_values = true)]
    pub registry_relay_url: String,
    /// Profile's own database, as its relay's login
    #[arg(long, env = "PROFILE_RELAY_URL", hide_env_values = true)]
    pub profile_relay_url: String,
    /// Remove owners who are gone: the field becomes null, with the change that Registry would have written
    #[arg(long, requires = "registry_writer_url")]
    pub repair: bool,
    /// Registry's own database, as its writer: for --repair
    #[arg(long, env = "REGISTRY_WRITER_URL", hide_env_values = true)]
    pub registry_writer_url: Option<String>,
    /// How long an owner must be unknown
    #[arg(long, env = "ORPHANS_PATIENCE_MS", default_value_t = 5_000)]
    pub patience_ms: u64,
}

/// Something with an owner who is gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Orphan {
    /// `api` or `domain`.
    pub kind: String,
    /// Whose.
    pub organisation: String,
    /// Its id.
    pub target: String,
    /// The person.
    pub person: String,
}

impl fmt::Display for Orphan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, organisation, target, person } = self;
        write!(f, "{kind} {target} of organisation {organisation} is owned by {person}, who is gone")
    }
}

/// Lists them, and repairs them if that is wanted.
///
/// # Errors
/// [`Error::Found`]: there are some. Else a database is away.
pub fn run(settings: &Settings) -> Result<(), Error> {
    let mut found = look(settings)?;
    if !found.is_empty() {
        std::thread::sleep(Duration::from_millis(settings.patience_ms));
        let again = look(settings)?;
        found.retain(|orphan| again.contains(orphan));
    }
    found.iter().for_each(|orphan| println!("{orphan}"));
    let people: BTreeSet<_> = found.iter().map(|orphan| (&orphan.organisation, &orphan.person)).collect();
    println!("{} orphans, {} deletions that the shared database would have refused.", found.len(), people.len());
    match &settings.registry_writer_url {
        _ if found.is_empty() => Ok(()),
        Some(url) if settings.repair => {
            let mut writer = connect(url, "orphans")?;
            for orphan in &found {
                repair(&mut writer, orphan)?;
            }
            println!("All repaired.");
            Ok(())
        }
        _ => Err(Error::Found("owners are gone; `orphans --repair` removes them from what they own".to_owned())),
    }
}

/// Both owners' own views, read once.
fn look(settings: &Settings) -> Result<BTreeSet<Orphan>, Error> {
    let mut registry = connect(&settings.registry_relay_url, "orphans")?;
    let owned = "select r.kind, r.organisation_id::text, r.target_id::text, r.profile_id::text from published.responsibilities r";
    let owned = registry.query(owned, &[])?;
    let all = owned.iter().map(|row| Orphan {
        kind: row.get(0),
        organisation: row.get(1),
        target: row.get(2),
        person: row.get(3),
    });
    let mut profile = connect(&settings.profile_relay_url, "orphans")?;
    let people = profile.query("select p.organisation_id::text, p.id::text from published.persons p", &[])?;
    let people: BTreeSet<(&str, &str)> = people.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(all.filter(|orphan| !people.contains(&(orphan.organisation.as_str(), orphan.person.as_str()))).collect())
}

/// A change's xid is taken by a statement after the one that takes the row's lock: so the feed has changes of a row in their order.
fn repair(client: &mut Client, orphan: &Orphan) -> Result<(), Error> {
    let Orphan { kind, organisation, target, person } = orphan;
    let (table, columns): (_, &[&str]) = match kind.as_str() {
        "api" => ("apis", &["business_owner_id", "technical_owner_id"]),
        _ => ("domains", &["business_owner_id"]),
    };
    let values: [&(dyn postgres::types::ToSql + Sync); 3] = [organisation, target, person];
    let is_it = columns.iter().map(|column| format!("x.{column} = $3::text::uuid")).collect::<Vec<_>>().join(" or ");
    let mut transaction = client.transaction()?;
    let lock = format!(
        "select from registry.{table} x where x.organisation_id = $1::text::uuid and x.id = $2::text::uuid and ({is_it}) for no key update"
    );
    if transaction.query_opt(&lock, &values)?.is_none() {
        return Ok(());
    }
    let image = match kind.as_str() {
        // Always these; of the others those that differ.
        "api" => {
            "jsonb_build_object('name', x.name, 'subDomainId', x.sub_domain_id, 'domainId',
            (select s.domain_id from registry.sub_domains s where s.organisation_id = x.organisation_id and s.id = x.sub_domain_id))"
        }
        _ => "jsonb_build_object('name', x.name, 'description', x.description, 'domainId', x.id)",
    };
    let owners = [("business_owner_id", "businessOwnerId"), ("technical_owner_id", "technicalOwnerId")];
    let owners = || owners.iter().filter(|(column, _)| columns.contains(column));
    let side = |value: &str| {
        let one = |(column, member): &(&str, &str)| {
            format!(
                " || case when x.{column} = $3::text::uuid then jsonb_build_object('{member}', {value}) else '{{}}' end"
            )
        };
        owners().map(one).collect::<String>()
    };
    let kind = if kind == "api" { "ApiModified" } else { "DomainModified" };
    // Before the update, for it needs the row as it was.
    let change = format!(
        "insert into registry.changes (at, kind, organisation_id, entity_id, version, request_id, before, after)
        select pg_catalog.now(), '{kind}', x.organisation_id, x.id::text, x.version + 1, $4, {image}{before}, {image}{after}
        from registry.{table} x where x.organisation_id = $1::text::uuid and x.id = $2::text::uuid",
        before = side("$3::text"),
        after = side("null"),
    );
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let request = format!("orphans-{at}");
    transaction.execute(&change, &[organisation, target, person, &request])?;
    let set = columns.iter().map(|column| format!("{column} = nullif(x.{column}, $3::text::uuid)")).collect::<Vec<_>>();
    let update = format!(
        "update registry.{table} x set {}, version = x.version + 1, updated_at = pg_catalog.now()
        where x.organisation_id = $1::text::uuid and x.id = $2::text::uuid",
        set.join(", ")
    );
    transaction.execute(&update, &values)?;
    Ok(transaction.commit()?)
}
