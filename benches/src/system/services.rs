//! What `lab up` starts, as data: a line for each process.

use schema::{DATABASE, OwnDatabase};

/// How the services get at each other's data: who fills `published.<noun>`. It decides which processes run on which databases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Architecture {
    /// Five services on one database: `published.<noun>` are views on each other's tables.
    #[default]
    SharedDatabase,
    /// The same five, each on a database of its own: they fill `published.<noun>` by calling each other over HTTP.
    ApiCentric,
}

/// The programs of the API-centric services: this and the service's name.
const API_CENTRIC: &str = "api-centric-";

impl Architecture {
    /// Its processes, in the order they start.
    pub fn processes(self) -> Vec<Service> {
        let of = |one: &Service| match (self, one.kind) {
            // Five names, once for each start: never given back.
            (Self::ApiCentric, Kind::Service) => {
                Service { package: Box::leak(format!("{API_CENTRIC}{}", one.package).into_boxed_str()), ..*one }
            }
            _ => *one,
        };
        SERVICES.iter().map(of).collect()
    }

    /// As `--architecture` and `up.json` have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SharedDatabase => "shared-database",
            Self::ApiCentric => "api-centric",
        }
    }

    /// A database per service; none where all share one.
    pub fn own_databases(self) -> Vec<OwnDatabase> {
        match self {
            Self::SharedDatabase => Vec::new(),
            Self::ApiCentric => names().filter_map(|name| OwnDatabase::of(name).ok()).collect(),
        }
    }

    /// The name of the database that a service's rows are in.
    pub fn database_of(self, service: &str) -> String {
        let own = self.own_databases().into_iter().find(|own| own.service() == service);
        own.map_or_else(|| DATABASE.to_owned(), OwnDatabase::name)
    }
}

/// One process.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// How it is called in tables, logs and `up.json`.
    pub name: &'static str,
    /// Its package and its binary.
    pub package: &'static str,
    /// Its port is the base plus this.
    pub port: u16,
    /// A service of the product with a schema of its own, or a stand-in for the outside world.
    pub kind: Kind,
    /// Settings beyond those that every process gets. `{signing-key}`, `{url:<name>}`, `{port:<name>}` and `{home}` are filled in.
    pub env: &'static [(&'static str, &'static str)],
}

impl Service {
    /// The product's service that its program runs.
    pub fn of_product(&self) -> &'static str {
        self.package.strip_prefix(API_CENTRIC).unwrap_or(self.package)
    }
}

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of the five: has a reader's and a writer's URL of the database.
    Service,
    /// Plays the outside world, has no database.
    StandIn,
    /// A further port of another process; nothing is started for it.
    Port,
}

/// In the order they start.
pub const SERVICES: &[Service] = &[
    Service {
        name: "account",
        package: "account",
        port: 3,
        kind: Kind::Service,
        env: &[("JWT_SIGNING_KEY", "{signing-key}")],
    },
    Service { name: "profile", package: "profile", port: 2, kind: Kind::Service, env: &[] },
    Service { name: "registry", package: "registry", port: 1, kind: Kind::Service, env: &[] },
    Service {
        name: "payment-sandbox",
        package: "payment-sandbox",
        port: 6,
        kind: Kind::StandIn,
        env: &[
            ("LEDGER_FILE", "{home}/payments.ledger"),
            // It outlives a kill all the same; waiting for the disk would be the sandbox's time, not Billing's.
            ("LEDGER_NO_FSYNC", "true"),
            ("STRIPE_API_KEY", "sk_test_sandbox"),
        ],
    },
    Service {
        name: "billing",
        package: "billing",
        port: 4,
        kind: Kind::Service,
        env: &[("STRIPE_API_BASE", "{url:payment-sandbox}"), ("STRIPE_API_KEY", "sk_test_sandbox")],
    },
    Service { name: "smtp", package: "mail-sink", port: 8, kind: Kind::Port, env: &[] },
    Service {
        name: "mail-sink",
        package: "mail-sink",
        port: 7,
        kind: Kind::StandIn,
        // Everybody here wants their mails: the sink presses the button for them.
        env: &[("SMTP_LISTEN", "127.0.0.1:{port:smtp}"), ("CONFIRM", "true")],
    },
    Service {
        name: "notification",
        package: "notification",
        port: 5,
        kind: Kind::Service,
        env: &[
            ("SMTP_HOST", "127.0.0.1"),
            ("SMTP_PORT", "{port:smtp}"),
            ("SMTP_TLS", "none"),
            ("PUBLIC_URL", "{url:notification}"),
        ],
    },
];

/// All that is started where there are so many of each service: the second account is `account-2`, ten ports further.
pub fn with_instances(processes: &[Service], instances: u16) -> Vec<Service> {
    let more = (1..instances).flat_map(|n| {
        let services = processes.iter().filter(|one| one.kind == Kind::Service);
        services.map(move |one| Service {
            // A few names, once for each start: never given back.
            name: Box::leak(format!("{}-{}", one.name, n + 1).into_boxed_str()),
            port: one.port + 10 * n,
            ..*one
        })
    });
    processes.iter().copied().chain(more).collect()
}

/// Whether this is the service itself or a further instance of it.
pub fn is_instance(name: &str, service: &str) -> bool {
    let rest = name.strip_prefix(service);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Names of the product's services.
pub fn names() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().filter(|service| service.kind == Kind::Service).map(|service| service.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ports_are_each_ones_own() {
        for (index, one) in SERVICES.iter().enumerate() {
            for other in &SERVICES[..index] {
                assert_ne!(one.name, other.name);
                assert_ne!(one.port, other.port, "{} and {}", one.name, other.name);
            }
        }
    }
}
