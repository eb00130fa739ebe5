//! Which database is meant, and the passwords of its logins.

use std::path::{Path, PathBuf};

use clap::Args;
use schema::cluster::{self, Cluster, ClusterOptions};
use schema::roles::RolesFile;
use schema::session::{Session, address};
use schema::{ADMINISTRATOR, ApplyOptions, DATABASE, Error, OwnDatabase, Passwords, Result, apply, encoding};

/// The private cluster, and the passwords kept with it.
pub fn private(passwords: Option<&Path>) -> Result<(Cluster, Passwords)> {
    let home = cluster::home()?;
    let cluster = Cluster::running(&home).ok_or_else(|| {
        Error::Unavailable(format!(
            "no cluster runs in {}: `dba cluster start` starts one, or name a server with --database-url",
            home.display()
        ))
    })?;
    let passwords = passwords.map_or_else(|| Passwords::load(&home.join("passwords")), Passwords::load)?;
    Ok((cluster, passwords))
}

/// The URL given, else the superuser's of our database in the private cluster.
pub fn superuser_url(given: Option<&str>) -> Result<String> {
    match given {
        Some(url) => {
            encoding::readable(&mut Session::connect_uncounted(url)?)?;
            Ok(url.to_owned())
        }
        None => Ok(private(None)?.0.superuser_url(DATABASE)),
    }
}

/// The URL given, else the one of the private cluster; with the passwords.
pub fn with_passwords(
    given: Option<&str>,
    file: Option<&Path>,
    of_private: impl Fn(&Cluster, &Passwords) -> String,
) -> Result<(String, Passwords)> {
    let Some(url) = given else {
        let (cluster, passwords) = private(file)?;
        return Ok((of_private(&cluster, &passwords), passwords));
    };
    let passwords = match file {
        Some(file) => Passwords::load(file),
        None => {
            let home = cluster::home()?;
            std::fs::create_dir_all(&home)
                .map_err(|error| Error::Unavailable(format!("can't make {}: {error}", home.display())))?;
            Passwords::load(&home.join("passwords"))
        }
    };
    Ok((url.to_owned(), passwords?))
}

/// URL of the administrator in this database: the one given, else at the server of `DATABASE_URL` (which may be a superuser's, as for
/// `dba bootstrap`), else in the private cluster; with the passwords.
pub fn administrator(given: Option<&str>, file: Option<&Path>, database: &str) -> Result<(String, Passwords)> {
    let server = std::env::var("DATABASE_URL").ok().filter(|url| given.is_none() && !url.is_empty());
    let (url, passwords) =
        with_passwords(given.or(server.as_deref()), file, |cluster, passwords| cluster.admin_url(passwords, database))?;
    if server.is_none() {
        return Ok((url, passwords));
    }
    let server = address(&url)?;
    if server.user() == ADMINISTRATOR {
        return Ok((url, passwords));
    }
    let admin = server.as_login(ADMINISTRATOR, passwords.get(ADMINISTRATOR)).in_database(database);
    Ok((admin.url(), passwords))
}

/// A server of its own with our database in it, until the value is dropped; and the passwords of its logins.
pub fn temporary() -> Result<(Cluster, Passwords)> {
    let cluster = Cluster::find_or_start(&ClusterOptions::ephemeral())?;
    let folder = cluster.home().map(PathBuf::from).unwrap_or_default();
    let passwords = Passwords::load(&folder.join("passwords"))?;
    apply::install(&cluster, DATABASE, &passwords, &ApplyOptions::default())?;
    Ok((cluster, passwords))
}

/// The database and the roles file of `dba roles`.
#[derive(Debug, Args)]
pub struct Place {
    /// URL of the database. As superuser everything is checked; as govrnanza_admin, only what it can see. Without it: the private cluster's superuser.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The roles file; without it, the one built in, which is of Govrnanza's database. `dba roles init` writes one of any database.
    #[arg(long, value_name = "FILE")]
    roles: Option<PathBuf>,
    /// The database of this service alone, as `dba apply --own` makes it.
    #[arg(long, value_name = "SERVICE", value_parser = OwnDatabase::of, conflicts_with = "roles")]
    own: Option<OwnDatabase>,
}

impl Place {
    pub fn url(&self) -> Result<String> {
        match (&self.database_url, self.own) {
            (None, Some(own)) => Ok(private(None)?.0.superuser_url(&own.name())),
            (given, _) => superuser_url(given.as_deref()),
        }
    }

    /// The file given; the one built in, if this is our own database.
    pub fn file(&self) -> Result<RolesFile> {
        if let Some(file) = &self.roles {
            return RolesFile::load(file);
        }
        if let Some(own) = self.own {
            return Ok(own.roles());
        }
        let mut session = Session::connect_uncounted(&self.url()?)?;
        let (name, owner): (String, String) = (
            session.value("select current_database()::text")?,
            session.value("select datdba::regrole::text from pg_database where datname = current_database()")?,
        );
        if name == DATABASE || owner == ADMINISTRATOR {
            return Ok(RolesFile::default());
        }
        Err(Error::Usage(format!(
            "no roles file is built in for the database {name}: `dba roles init > roles.sql` writes one from what is there, and --roles roles.sql names it"
        )))
    }
}

/// Those of the private cluster, if this machine has one. None are made.
pub fn known_passwords() -> Result<Option<Passwords>> {
    let file = cluster::home()?.join("passwords");
    if file.exists() { Ok(Some(Passwords::load(&file)?)) } else { Ok(None) }
}
