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
    /// The first five again, each on a database of its own: `published.<noun>` are copies, fed from a log (Kafka).
    SelfContained,
}

/// The programs of the API-centric services: this and the service's name.
const API_CENTRIC: &str = "api-centric-";

impl Architecture {
    /// Its processes.
    pub fn processes(self) -> Vec<Service> {
        let of = |one: &Service| match (self, one.kind) {
            // Five names, once for each start: never given back.
            (Self::ApiCentric, Kind::Service) => {
                Service { package: Box::leak(format!("{API_CENTRIC}{}", one.package).into_boxed_str()), ..*one }
            }
            // Account makes the signing key, and whoever gets a token needs a copy of it.
            (Self::SelfContained, Kind::Service) if one.name != "account" => Service { wave: 4, ..*one },
            (Self::SelfContained, _) => Service { wave: 1, ..*one },
            _ => *one,
        };
        let log = LOG.iter().filter(|_| self == Self::SelfContained).copied();
        SERVICES.iter().map(of).chain(log).collect()
    }

    /// As `--architecture` and `up.json` have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SharedDatabase => "shared-database",
            Self::ApiCentric => "api-centric",
            Self::SelfContained => "self-contained",
        }
    }

    /// A database per service; none where all share one.
    pub fn own_databases(self) -> Vec<OwnDatabase> {
        match self {
            Self::SharedDatabase => Vec::new(),
            Self::ApiCentric | Self::SelfContained => names().filter_map(|name| OwnDatabase::of(name).ok()).collect(),
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
    /// Its binary.
    pub package: &'static str,
    /// Its arguments.
    pub args: &'static [&'static str],
    /// Its port is the base plus this.
    pub port: u16,
    /// A service of the product with a schema of its own, or a stand-in for the outside world.
    pub kind: Kind,
    /// It starts when those of a lower number are ready.
    pub wave: u8,
    /// Settings beyond those that every process gets. `{signing-key}`, `{url:<name>}`, `{port:<name>}` and `{home}` are filled in.
    pub env: &'static [(&'static str, &'static str)],
}

impl Service {
    /// The product's service that its program runs, or is for.
    pub fn of_product(&self) -> &'static str {
        match self.kind {
            Kind::Relay | Kind::Ingester => self.name.split('-').next().unwrap_or(self.name),
            _ => self.package.strip_prefix(API_CENTRIC).unwrap_or(self.package),
        }
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
    /// The log itself: a node of Kafka.
    Broker,
    /// Puts what a service shows on the log.
    Relay,
    /// Fills a service's copies from the log.
    Ingester,
}

impl Kind {
    /// Whether it holds the product's data, or moves them: what is stopped while they are put back.
    pub fn has_data(self) -> bool {
        !matches!(self, Self::StandIn | Self::Port)
    }
}

/// The binary of the log's parts.
pub const SELF_CONTAINED: &str = "self-contained";

/// A broker of ours, and what its further port begins with.
pub const NODE: &str = "kafka";
/// Any of the relays, to make the topics with its settings.
pub const FIRST_RELAY: &str = "account-relay";

const fn of_log(
    name: &'static str,
    args: &'static [&'static str],
    port: u16,
    kind: Kind,
    wave: u8,
    env: &'static [(&'static str, &'static str)],
) -> Service {
    Service { name, package: SELF_CONTAINED, args, port, kind, wave, env }
}

/// Beside the five, where their copies are fed from a log.
pub const LOG: &[Service] = &[
    of_log(NODE, &["node"], 40, Kind::Broker, 0, NODE_SETTINGS),
    of_log("kafka-controller", &[], 41, Kind::Port, 0, &[]),
    of_log(FIRST_RELAY, &["relay"], 42, Kind::Relay, 2, &[]),
    of_log("profile-relay", &["relay"], 43, Kind::Relay, 2, &[]),
    of_log("registry-relay", &["relay"], 44, Kind::Relay, 2, &[]),
    of_log("billing-relay", &["relay"], 45, Kind::Relay, 2, &[]),
    of_log("notification-relay", &["relay"], 51, Kind::Relay, 2, &[]),
    of_log("account-ingester", &["ingester"], 46, Kind::Ingester, 3, &[]),
    of_log("profile-ingester", &["ingester"], 47, Kind::Ingester, 3, &[]),
    of_log("registry-ingester", &["ingester"], 48, Kind::Ingester, 3, &[]),
    of_log("billing-ingester", &["ingester"], 49, Kind::Ingester, 3, &[]),
    of_log("notification-ingester", &["ingester"], 50, Kind::Ingester, 3, &[]),
];

const NODE_SETTINGS: &[(&str, &str)] = &[
    ("BROKER_FOLDER", "{home}/broker"),
    ("BROKER_PORT", "{port:kafka}"),
    ("BROKER_CONTROLLER_PORT", "{port:kafka-controller}"),
];

/// In the order they start.
pub const SERVICES: &[Service] = &[
    Service {
        name: "account",
        package: "account",
        args: &[],
        port: 3,
        kind: Kind::Service,
        wave: 0,
        env: &[("JWT_SIGNING_KEY", "{signing-key}")],
    },
    Service { name: "profile", package: "profile", args: &[], port: 2, kind: Kind::Service, wave: 0, env: &[] },
    Service { name: "registry", package: "registry", args: &[], port: 1, kind: Kind::Service, wave: 0, env: &[] },
    Service {
        name: "payment-sandbox",
        package: "payment-sandbox",
        args: &[],
        port: 6,
        kind: Kind::StandIn,
        wave: 0,
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
        args: &[],
        port: 4,
        kind: Kind::Service,
        wave: 0,
        env: &[("STRIPE_API_BASE", "{url:payment-sandbox}"), ("STRIPE_API_KEY", "sk_test_sandbox")],
    },
    Service { name: "smtp", package: "mail-sink", args: &[], port: 8, kind: Kind::Port, wave: 0, env: &[] },
    Service {
        name: "mail-sink",
        package: "mail-sink",
        args: &[],
        port: 7,
        kind: Kind::StandIn,
        wave: 0,
        // Everybody here wants their mails: the sink presses the button for them.
        env: &[("SMTP_LISTEN", "127.0.0.1:{port:smtp}"), ("CONFIRM", "true")],
    },
    Service {
        name: "notification",
        package: "notification",
        args: &[],
        port: 5,
        kind: Kind::Service,
        wave: 0,
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
    let number = |rest: &str| rest.strip_prefix('-').is_some_and(|number| number.parse::<u16>().is_ok());
    rest.is_some_and(|rest| rest.is_empty() || number(rest))
}

/// Whether it is a broker of ours, or its further port: what isn't started where brokers are named.
pub fn is_of_node(one: &Service) -> bool {
    one.name.starts_with(NODE)
}

/// Whether this is the name of a relay or an ingester.
pub fn is_part(name: &str) -> bool {
    LOG.iter().any(|one| one.name == name && matches!(one.kind, Kind::Relay | Kind::Ingester))
}

/// Names of the ingesters, where there is a log.
pub fn ingesters() -> impl Iterator<Item = &'static str> {
    LOG.iter().filter(|one| one.kind == Kind::Ingester).map(|one| one.name)
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
        let all = with_instances(&Architecture::SelfContained.processes(), 3);
        for (index, one) in all.iter().enumerate() {
            for other in &all[..index] {
                assert_ne!(one.name, other.name);
                assert_ne!(one.port, other.port, "{} and {}", one.name, other.name);
            }
        }
    }

    #[test]
    fn a_part_of_the_log_is_no_instance_of_a_service() {
        assert!(is_instance("account", "account") && is_instance("account-2", "account"));
        assert!(!is_instance("account-relay", "account") && !is_instance("accounting", "account"));
    }
}
