//! What can be done with people: the verbs, and their one implementation on Postgres.

mod places;
mod profiles;
mod settings;

use kit::batch::Found;
use kit::id::{OrganisationId, ProfileId};
use kit::{Db, Error, Idempotency, IfMatch, Json, Meta, Page, Paged, Reply};

use crate::model::{NewNotificationSettings, NewProfile, NotificationSettings, Profile, ProfilePatch};

/// What a person is found by.
pub type ProfileKey = (OrganisationId, ProfileId);

/// Whole use cases; called on database threads only.
pub trait Store: Send + Sync {
    /// People of an organisation, oldest first; with `prefix` those whose name starts with it, whatever the case.
    fn list_profiles(
        &self,
        organisation: OrganisationId,
        prefix: Option<&str>,
        page: &Page,
    ) -> Result<Paged<Profile>, Error>;

    /// Adds a person, told at once; never one more than the plan allows.
    fn create_profile(
        &self,
        organisation: OrganisationId,
        new: Json<NewProfile>,
        idempotency: &Idempotency,
        meta: &Meta,
    ) -> Result<Reply, Error>;

    /// People of any organisations, by one statement; who is deleted is not found.
    fn find_profiles(&self, keys: &[ProfileKey]) -> Found<Profile>;

    /// Changes some fields of a person; writes nothing where nothing differs.
    fn update_profile(
        &self,
        organisation: OrganisationId,
        id: ProfileId,
        seen: IfMatch,
        patch: Json<ProfilePatch>,
        meta: &Meta,
    ) -> Result<Profile, Error>;

    /// Turns a person into a tombstone, unless APIs or domains depend on them.
    fn delete_profile(
        &self,
        organisation: OrganisationId,
        id: ProfileId,
        seen: IfMatch,
        meta: &Meta,
    ) -> Result<(), Error>;

    /// When a person wants to be told.
    fn find_notification_settings(
        &self,
        organisation: OrganisationId,
        id: ProfileId,
    ) -> Result<NotificationSettings, Error>;

    /// Sets when a person wants to be told; writes nothing where nothing differs.
    fn update_notification_settings(
        &self,
        organisation: OrganisationId,
        id: ProfileId,
        seen: IfMatch,
        new: Json<NewNotificationSettings>,
        meta: &Meta,
    ) -> Result<NotificationSettings, Error>;
}

/// The schema of everything written here.
const SCHEMA: &str = "profile";

/// [`Store`] on Postgres.
pub struct PgStore {
    db: Db,
}

impl PgStore {
    /// On the service's database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

impl Store for PgStore {
    fn list_profiles(
        &self,
        organisation: OrganisationId,
        prefix: Option<&str>,
        page: &Page,
    ) -> Result<Paged<Profile>, Error> {
        self.db.read(|connection| profiles::list(connection, organisation, prefix, page))
    }

    fn create_profile(
        &self,
        organisation: OrganisationId,
        new: Json<NewProfile>,
        idempotency: &Idempotency,
        meta: &Meta,
    ) -> Result<Reply, Error> {
        self.db.write(|connection| {
            kit::idempotency::once(connection, SCHEMA, idempotency, meta, |connection| {
                profiles::create(connection, organisation, new, meta)?.created(organisation)
            })
        })
    }

    fn find_profiles(&self, keys: &[ProfileKey]) -> Found<Profile> {
        self.db.read(|connection| profiles::find_all(connection, keys))
    }

    fn update_profile(
        &self,
        organisation: OrganisationId,
        id: ProfileId,
        seen: IfMatch,
        patch: Json<ProfilePatch>,
        meta: &Meta,
    ) -> Result<Profile, Error> {
        self.db.write(|connection| profiles::update(connection, organisation, id, seen, patch, meta))
    }

    fn delete_profile(
        &self,
        organisation: OrganisationId,
        id: ProfileId,
        seen: IfMatch,
        meta: &Meta,
    ) -> Result<(), Error> {
        self.db.write(|connection| profiles::delete(connection, organisation, id, seen, meta))
    }

    fn find_notification_settings(
        &self,
        organisation: OrganisationId,
        id: ProfileId,
    ) -> Result<NotificationSettings, Error> {
        self.db.read(|connection| settings::find(connection, organisation, id))
    }

    fn update_notification_settings(
        &self,
        organisation: OrganisationId,
        id: ProfileId,
        seen: IfMatch,
        new: Json<NewNotificationSettings>,
        meta: &Meta,
    ) -> Result<NotificationSettings, Error> {
        self.db.write(|connection| settings::update(connection, organisation, id, seen, new, meta))
    }
}
