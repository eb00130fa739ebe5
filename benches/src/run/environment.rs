//! A whole system made for the run: services built for load on a cluster of their own, with a data set that can be put
//! back to where it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use postgres::Client;
use schema::{ApplyOptions, DATABASE, Passwords};

use crate::dataset::{self, Dataset, Size, connect, failed};
use crate::operations::Versions;
use crate::result::PostgresInfo;
use crate::up::{self, Instance, services};
use crate::{Failure, Target};

/// The database that every replicate starts from.
const IMAGE: &str = "govrnanza_image";

/// The running system and its data.
pub struct Environment {
    instance: Instance,
    data: Arc<Dataset>,
    versions: Arc<Versions>,
}

impl Environment {
    /// Starts everything, fills the database and keeps an image of it.
    pub fn start(size: Size, seed: u64, stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        let options = up::Options {
            ephemeral: true,
            port_base: 0,
            release: true,
            ..up::Options::default()
        };
        eprintln!("Starting Postgres and the services …");
        let instance = Instance::start(&options, stop, |news| eprintln!("{news}"))?;
        eprintln!(
            "Making {} APIs of {} organisations …",
            size.apis, size.organisations
        );
        let url = database_url(instance.target())?.to_owned();
        dataset::generate(&mut connect(&url)?, size, seed)?;
        let data = Arc::new(dataset::load(
            &mut connect(&url)?,
            &signing_key(&instance)?,
        )?);
        let environment = Self {
            instance,
            data,
            versions: Arc::default(),
        };
        environment.without_services(|maintenance| {
            maintenance
                .batch_execute(&format!("create database {IMAGE} template {DATABASE}"))
                .map_err(|error| failed("keeping an image of the data", &error))
        })?;
        Ok(environment)
    }

    /// Puts the data back to the image and restarts the services, so that every replicate begins alike.
    pub fn reset(&mut self) -> Result<(), Failure> {
        self.without_services(|maintenance| {
            let failed = |error| failed("putting the data back", &error);
            maintenance
                .batch_execute(&format!("drop database {DATABASE} with (force)"))
                .map_err(failed)?;
            maintenance
                .batch_execute(&format!("create database {DATABASE} template {IMAGE}"))
                .map_err(failed)?;
            // A copy doesn't carry the rights on the database itself.
            maintenance
                .batch_execute(&format!(
                    "alter database {DATABASE} owner to govrnanza_admin"
                ))
                .map_err(failed)
        })?;
        self.versions = Arc::default();
        Ok(())
    }

    /// Names of the services that run.
    pub fn services(&self) -> Vec<String> {
        let running = &self.instance.target().services;
        services::names()
            .filter(|name| running.contains_key(*name))
            .map(str::to_owned)
            .collect()
    }

    /// Process ids of the services.
    pub fn process_ids(&self) -> Vec<u32> {
        services::names()
            .filter_map(|name| self.instance.process_id(name))
            .collect()
    }

    /// Base URL of a service.
    pub fn url(&self, service: &str) -> Result<&str, Failure> {
        self.instance.target().url(service)
    }

    /// The product's database as superuser.
    pub fn database_url(&self) -> Result<&str, Failure> {
        database_url(self.instance.target())
    }

    /// The data.
    pub fn data(&self) -> &Arc<Dataset> {
        &self.data
    }

    /// Versions that the next changes expect.
    pub fn versions(&self) -> &Arc<Versions> {
        &self.versions
    }

    /// Version and settings of the server.
    pub fn postgres_info(&self) -> Result<PostgresInfo, Failure> {
        let mut client = connect(self.database_url()?)?;
        let failed = |error| failed("reading the server's settings", &error);
        let version = client
            .query_one("show server_version", &[])
            .map_err(failed)?
            .get(0);
        let rows = client
            .query(
                "select name, setting from pg_catalog.pg_settings
                 where source not in ('default', 'client', 'session', 'override') and not name like any (array['%file', '%director%'])",
                &[],
            )
            .map_err(failed)?;
        let settings: BTreeMap<String, String> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        Ok(PostgresInfo { version, settings })
    }

    /// Counts violations of what must always hold.
    pub fn audit(&self) -> Result<BTreeMap<String, i64>, Failure> {
        let mut client = connect(self.database_url()?)?;
        AUDITS
            .iter()
            .map(|(name, sql)| {
                let row = client
                    .query_one(*sql, &[])
                    .map_err(|error| failed(name, &error))?;
                Ok(((*name).to_owned(), row.get(0)))
            })
            .collect()
    }

    /// Stops the services, does something in the maintenance database, brings database rights up to date, starts them.
    fn without_services(
        &self,
        work: impl FnOnce(&mut Client) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let names: Vec<&'static str> = services::names()
            .filter(|name| self.instance.process_id(name).is_some())
            .collect();
        for name in &names {
            self.instance.stop_service(name)?;
        }
        let mut url = url::Url::parse(self.database_url()?).map_err(|error| {
            Failure::could_not_run(format!("The database's URL is none: {error}."))
        })?;
        url.set_path("postgres");
        work(&mut connect(url.as_str())?)?;
        self.grant()?;
        for name in &names {
            self.instance.start_service(name)?;
        }
        Ok(())
    }

    fn grant(&self) -> Result<(), Failure> {
        let could_not = |error: schema::Error| Failure::could_not_run(format!("{error}."));
        let passwords =
            Passwords::load(&self.instance.home().join("passwords")).map_err(could_not)?;
        let mut admin = url::Url::parse(self.database_url()?).map_err(|error| {
            Failure::could_not_run(format!("The database's URL is none: {error}."))
        })?;
        let _ = admin.set_username("govrnanza_admin");
        let _ = admin.set_password(passwords.get("govrnanza_admin"));
        let options = ApplyOptions {
            passwords: Some(passwords),
            ..ApplyOptions::default()
        };
        schema::apply(admin.as_str(), &options).map_err(could_not)?;
        Ok(())
    }
}

fn database_url(target: &Target) -> Result<&str, Failure> {
    target.database_url.as_deref().ok_or_else(|| {
        Failure::could_not_run(
            "This system doesn't tell its database, so its data can't be put back.",
        )
    })
}

fn signing_key(instance: &Instance) -> Result<String, Failure> {
    let file = instance.home().join("signing-key.pem");
    std::fs::read_to_string(&file).map_err(|error| {
        Failure::could_not_run(format!("{} can't be read: {error}.", file.display()))
    })
}

/// What must always hold; each counts its violations.
const AUDITS: &[(&str, &str)] = &[
    (
        "plan limits exceeded",
        "select count(*) from registry.usage u join account.organisations o on o.id = u.organisation_id
         join account.plans p on p.code = o.plan_code
         where u.apis > p.api_limit or u.domains > p.domain_limit or u.sub_domains > p.sub_domain_limit",
    ),
    (
        "counters that aren't the count",
        "select count(*) from registry.usage u
         where u.apis <> (select count(*) from registry.apis a where a.organisation_id = u.organisation_id)
            or u.domains <> (select count(*) from registry.domains d where d.organisation_id = u.organisation_id)
            or u.sub_domains <> (select count(*) from registry.sub_domains s where s.organisation_id = u.organisation_id)",
    ),
    (
        "head counts that aren't the count",
        "select count(*) from profile.head_counts h where h.users <> (select count(*) from profile.profiles p
            where p.organisation_id = h.organisation_id and p.deleted_at is null)",
    ),
    (
        "owners of another organisation or none",
        "select count(*) from registry.apis a left join profile.profiles p
            on p.organisation_id = a.organisation_id and p.id = a.technical_owner_id
         where a.technical_owner_id is not null and (p.id is null or p.deleted_at is not null)",
    ),
    ("APIs without a version", "select count(*) from registry.apis a where not exists (select from registry.versions v
        where v.organisation_id = a.organisation_id and v.api_id = a.id)"),
    (
        "periods invoiced twice",
        "select count(*) from (select 1 from billing.invoices group by organisation_id, period having count(*) > 1) twice",
    ),
    (
        "recipients told twice of one change",
        "select count(*) from (select 1 from notification.notifications where change_id is not null
            group by feed, change_id, login_id, profile_id having count(*) > 1) twice",
    ),
    (
        "changed APIs without a change row",
        "select count(*) from registry.apis a where a.version > 1 and not exists (select from registry.changes c
            where c.organisation_id = a.organisation_id and c.entity_id = a.id::text and c.version = a.version)",
    ),
];
