//! The organisations that the console loads: those that the lab made in this database, made now where there are none. Nobody else's
//! rows are changed.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::data::{self, Dataset, Size, connect, failed};
use crate::experiments::scenario::Stage;
use crate::load::writes::Written;
use crate::system::Site;
use crate::{Failure, Place};

/// Tokens are good for an hour.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1800);

/// What `data::generate` has made, whatever its seed.
const MADE: &str = r"select distinct organisation_id from account.logins where email ~ '^login1@o[0-9]+\.example$'";

/// Rows that the load changed before: a change must name the version that it expects.
const VERSIONS: &str = "
    select id, version from account.organisations where version > 1
    union all select id, version from profile.profiles where version > 1
    union all select id, version from registry.apis where version > 1";

/// A running system, its rows and tokens.
pub(super) struct Ground {
    place: Place,
    signing_key: PathBuf,
    size: Size,
    data: Arc<Dataset>,
    written: Arc<Written>,
    read: Option<Instant>,
    salts: AtomicU32,
}

impl Ground {
    pub(super) fn new(place: Place, signing_key: PathBuf, size: Size) -> Self {
        let (data, written) = (Arc::default(), Arc::default());
        // Names that a `lab up` before has given must not come again.
        Self { place, signing_key, size, data, written, read: None, salts: AtomicU32::new(rand::random()) }
    }

    /// The database of all services, as superuser.
    pub(super) fn database_url(&self) -> Result<&str, Failure> {
        let url = self.place.database_url.as_deref();
        url.ok_or_else(|| Failure::usage("The console needs one database of all services."))
    }

    /// Makes rows where there are none, and reads which there are where that was long ago; `news` hears of what takes its time.
    pub(super) fn ready(&mut self, news: impl Fn(&str)) -> Result<(), Failure> {
        if self.read.is_some_and(|at| at.elapsed() < READ_AGAIN_AFTER) {
            return Ok(());
        }
        let reading = |error| failed("reading the data set", &error);
        let mut client = connect(self.database_url()?)?;
        if client.query(MADE, &[]).map_err(reading)?.is_empty() {
            let Size { apis, organisations } = self.size;
            news(&format!("Making {apis} APIs of {organisations} organisations …"));
            data::generate(&mut client, self.size, 1)?;
        }
        let made: HashSet<Uuid> = client.query(MADE, &[]).map_err(reading)?.iter().map(|row| row.get(0)).collect();
        let key = std::fs::read_to_string(&self.signing_key).map_err(|error| {
            Failure::could_not_run(format!("{} can't be read: {error}.", self.signing_key.display()))
        })?;
        let mut data = data::load(|_| connect(self.database_url()?), &key)?;
        data.organisations.retain(|of| made.contains(&of.id));
        if self.read.is_none() {
            let rows = client.query(VERSIONS, &[]).map_err(reading)?;
            self.written = Arc::new(Written::since(rows.iter().map(|row| (row.get(0), row.get(1)))));
        }
        (self.data, self.read) = (Arc::new(data), Some(Instant::now()));
        Ok(())
    }

    /// Where harms are done.
    pub(super) fn stage(&self) -> Result<Stage<'static>, Failure> {
        Ok(Stage {
            database_url: self.database_url()?.to_owned(),
            site: None,
            processes: Vec::new(),
            organisations: self.data.organisations.iter().map(|of| of.id).collect(),
        })
    }

    /// What else is there to open: names and URLs.
    pub(super) fn links(&self) -> Vec<(String, String)> {
        let docs = self.place.services.iter().map(|(name, url)| (format!("{name}/docs"), format!("{url}/docs")));
        let others = [("mailbox", &self.place.mailbox), ("payments", &self.place.payments)];
        docs.chain(others.into_iter().filter_map(|(name, url)| Some((name.to_owned(), url.clone()?)))).collect()
    }

    /// Names of the services that run here.
    pub(super) fn services(&self) -> BTreeSet<&str> {
        self.place.services.keys().map(String::as_str).collect()
    }
}

impl Site for Ground {
    fn url(&self, service: &str) -> Result<&str, Failure> {
        self.place.url(service)
    }

    fn data(&self) -> &Arc<Dataset> {
        &self.data
    }

    fn written(&self) -> &Arc<Written> {
        &self.written
    }

    fn salt(&self) -> u32 {
        self.salts.fetch_add(1, Ordering::Relaxed)
    }
}
