//! What a batch of changes refers to: who made them, and the names of places and people.

use std::collections::HashMap;

use diesel::{PgConnection, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

use crate::audience::Actor;
use crate::feed::Change;
use crate::text::{Names, id, one_line, text};

/// Looked up once for a batch.
#[derive(Debug, Default)]
pub struct Lookup {
    /// Places and people.
    pub names: Names,
    actors: HashMap<Uuid, Actor>,
}

kit::statement! {
    /// Logins that did something.
    struct FindActors<'a>(ids: &'a [Uuid] as Array<Uuid>) -> (Uuid, Nullable<Uuid>, Text) =
        "select l.login_id, l.profile_id, l.scope from published.login_contacts l where l.login_id = any($1)"
}

kit::statement! {
    /// Those of them that have been deleted since; only the feed still knows their person.
    struct FindGone<'a>(ids: &'a [String] as Array<Text>) -> (Text, Nullable<Text>, Nullable<Text>) =
        "select c.entity_id, c.before ->> 'profileId', c.before ->> 'scope' from published.account_changes c \
         where c.kind = 'LoginDeleted' and c.entity_id = any($1)"
}

kit::statement! {
    /// Names of domains and sub domains.
    struct FindPlaces<'a>(organisations: &'a [Uuid] as Array<Uuid>, ids: &'a [Uuid] as Array<Uuid>) -> (Uuid, Text) =
        "select p.id, p.name from notification.places p where p.organisation_id = any($1) and p.id = any($2)"
}

kit::statement! {
    /// Names of people.
    struct FindNames<'a>(organisations: &'a [Uuid] as Array<Uuid>, ids: &'a [Uuid] as Array<Uuid>) -> (Uuid, Text) =
        "select p.id, p.name from published.persons p where p.organisation_id = any($1) and p.id = any($2)"
}

kit::statement! {
    /// A domain or sub domain has a name.
    struct KeepPlace<'a>(organisation_id: Uuid as Uuid, id: Uuid as Uuid, name: &'a str as Text, version: i64 as BigInt) =
        "insert into notification.places as p (organisation_id, id, name, version) values ($1, $2, $3, $4) \
         on conflict (organisation_id, id) do update set name = excluded.name, version = excluded.version \
         where p.version < excluded.version"
}

kit::statement! {
    /// It is gone.
    struct ForgetPlace(organisation_id: Uuid as Uuid, id: Uuid as Uuid) =
        "delete from notification.places where organisation_id = $1 and id = $2"
}

fn unique<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values.dedup();
    values
}

impl Lookup {
    /// Looks up what these changes refer to.
    pub fn of(connection: &mut PgConnection, changes: &[Change]) -> QueryResult<Self> {
        let organisations = unique(changes.iter().filter_map(|change| change.organisation_id).collect());
        let sides = || changes.iter().flat_map(|change| [&change.before, &change.after]).flatten();
        let ids = |keys: &'static [&str]| {
            unique(sides().flat_map(|side| keys.iter().filter_map(|key| id(side, key))).collect())
        };
        let mut lookup = Self::default();
        lookup.find_actors(connection, changes)?;
        let places = ids(&["domainId", "subDomainId"]);
        if !places.is_empty() {
            let rows: Vec<(Uuid, String)> =
                FindPlaces { organisations: &organisations, ids: &places }.load(connection)?;
            lookup.names.places = rows.into_iter().collect();
        }
        let mut persons = ids(&["businessOwnerId", "technicalOwnerId", "profileId"]);
        persons.extend(lookup.actors.values().filter_map(|actor| actor.profile));
        if !persons.is_empty() {
            let rows: Vec<(Uuid, String)> =
                FindNames { organisations: &organisations, ids: &unique(persons) }.load(connection)?;
            lookup.names.persons = rows.into_iter().collect();
        }
        Ok(lookup)
    }

    fn find_actors(&mut self, connection: &mut PgConnection, changes: &[Change]) -> QueryResult<()> {
        let ids = unique(changes.iter().filter_map(|change| change.actor_id).collect());
        if ids.is_empty() {
            return Ok(());
        }
        let rows: Vec<(Uuid, Option<Uuid>, String)> = FindActors { ids: &ids }.load(connection)?;
        for (login, profile, scope) in rows {
            self.actors.insert(login, Actor { login: Some(login), profile, scope: Some(scope) });
        }
        let gone: Vec<_> = ids.iter().filter(|id| !self.actors.contains_key(id)).map(Uuid::to_string).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let rows: Vec<(String, Option<String>, Option<String>)> = FindGone { ids: &gone }.load(connection)?;
        for (login, profile, scope) in rows {
            let (login, profile) = (login.parse().ok(), profile.and_then(|profile| profile.parse().ok()));
            self.actors.extend(login.map(|id| (id, Actor { login, profile, scope })));
        }
        Ok(())
    }

    /// Who made a change.
    pub fn actor(&self, change: &Change) -> Actor {
        let unknown = || Actor { login: change.actor_id, ..Actor::default() };
        change.actor_id.and_then(|id| self.actors.get(&id).cloned()).unwrap_or_else(unknown)
    }

    /// `by Ada Lovelace`: how a message names who made the change.
    pub fn by(&self, actor: &Actor) -> String {
        let name = actor.profile.and_then(|profile| self.names.persons.get(&profile));
        match (name, actor.login, actor.scope.as_deref()) {
            (Some(name), ..) => format!("by {}", one_line(name, 100)),
            (None, None, _) => "automatically".to_owned(),
            (None, _, Some("operator")) => "by the platform's staff".to_owned(),
            (None, _, Some("admin")) => "by an admin".to_owned(),
            (None, ..) => "by somebody of your organisation".to_owned(),
        }
    }

    /// Keeps the names of domains and sub domains up to date.
    pub fn learn(&mut self, connection: &mut PgConnection, change: &Change) -> QueryResult<()> {
        let is_place = change.kind.starts_with("Domain") || change.kind.starts_with("SubDomain");
        let (Some(organisation_id), Ok(id), true) =
            (change.organisation_id, change.entity_id.parse::<Uuid>(), is_place)
        else {
            return Ok(());
        };
        match &change.after {
            None => ForgetPlace { organisation_id, id }.execute(connection)?,
            Some(after) => {
                let name = text(after, "name");
                self.names.places.insert(id, name.to_owned());
                KeepPlace { organisation_id, id, name, version: change.version }.execute(connection)?
            }
        };
        Ok(())
    }
}
