//! What counts where the text is silent.

use std::path::{Path, PathBuf};

/// The process's environment; another one in tests.
pub(crate) struct Surroundings<'a> {
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    pub home: Option<PathBuf>,
    pub user: Option<String>,
}

impl Surroundings<'_> {
    pub(crate) fn here() -> Self {
        Self {
            variable: &|name| std::env::var(name).ok(),
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            user: whoami::username().ok(),
        }
    }

    /// A file in the home folder.
    pub(crate) fn at_home(&self, name: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(name))
    }

    /// Where services are looked for: the file that is named must be there, the others may.
    pub(crate) fn service_files(&self) -> Vec<PathBuf> {
        let own = match (self.variable)("PGSERVICEFILE") {
            Some(named) => Some(PathBuf::from(named)),
            None => self.at_home(".pg_service.conf").filter(|file| file.exists()),
        };
        let system = match (self.variable)("PGSYSCONFDIR") {
            Some(folder) => vec![PathBuf::from(folder)],
            None => ["/etc/postgresql-common", "/usr/local/pgsql/etc"].map(PathBuf::from).to_vec(),
        };
        let system = system.into_iter().map(|folder| folder.join("pg_service.conf")).filter(|file| file.exists());
        own.into_iter().chain(system).collect()
    }
}

/// Folders of a server's socket: Debian's and Red Hat's, and the one of Postgres itself.
pub(crate) const SOCKETS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// The one with a socket of this port, else the first that is there.
pub(crate) fn socket_folder(port: u16) -> &'static str {
    let socket = SOCKETS.iter().find(|folder| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists());
    socket.or_else(|| SOCKETS.iter().find(|folder| Path::new(folder).exists())).unwrap_or(&"/tmp")
}
