//! What an endpoint should do while a part is broken, by the table of edges that the API-centric services themselves run by.

use api_centric::edges::{Asked, EDGES, Needs, Rule};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Break;
use crate::load::operations::{Sample, sample};
use crate::system::Architecture;

/// What an endpoint should do while a part is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Expected {
    /// It needs nothing of the broken part: it answers well.
    Untouched,
    /// It answers well and only later: the part is slow, and quicker than a call's time-out.
    Later,
    /// It answers well and says in `X-Degraded` who is away.
    Open,
    /// It answers 503.
    Closed,
    /// It is the broken part itself.
    Down,
}

impl Expected {
    /// In a table's cell.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Untouched => "",
            Self::Later => "later",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Down => "down",
        }
    }

    /// Whether good answers are expected.
    #[must_use]
    pub fn is_good(self) -> bool {
        !matches!(self, Self::Closed | Self::Down)
    }
}

/// What a service's endpoint should do meanwhile, and the number of the edge that says so. Where copies are fed from a log there is no edge: who is
/// stopped is down, and the others don't notice.
pub fn expected(architecture: Architecture, broken: Break, service: &str, endpoint: &str) -> (Expected, Option<u8>) {
    let (part, slow) = match broken {
        Break::Service(part) | Break::Database(part) => (part, false),
        Break::Slow(part) => (part, true),
        // Of these the table says nothing.
        Break::Postgres | Break::Connections | Break::Paused => return (Expected::Untouched, None),
    };
    if part == service && !slow {
        return (Expected::Down, None);
    }
    let needed = if architecture == Architecture::ApiCentric { needs(service, endpoint) } else { Vec::new() };
    // The strictest edge decides.
    let strictest = needed.into_iter().filter(|(_, _, owner)| *owner == part).max_by_key(|(_, rule, _)| closed(*rule));
    match strictest {
        None => (Expected::Untouched, None),
        Some((number, ..)) if slow => (Expected::Later, Some(number)),
        Some((number, rule, _)) if closed(rule) => (Expected::Closed, Some(number)),
        Some((number, ..)) => (Expected::Open, Some(number)),
    }
}

/// Whether a request isn't answered without the owner. Plans and limits are known here: they were asked for before.
fn closed(rule: Rule) -> bool {
    matches!(rule, Rule::Closed | Rule::ClosedIfNew)
}

/// Which edges an endpoint's requests go over: number, rule and owner.
fn needs(service: &str, endpoint: &str) -> Vec<(u8, Rule, &'static str)> {
    let Some(Sample { method, path, body }) = sample(service, endpoint) else { return Vec::new() };
    // The table speaks of another version of the same type.
    let Ok(method) = method.as_str().parse() else { return Vec::new() };
    let asked = Asked {
        method: &method,
        route: &path,
        organisation: Uuid::nil(),
        profile: Some(Uuid::nil()),
        id: path.rsplit('/').next().and_then(|last| last.parse().ok()),
        body: body.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null),
    };
    let edges = EDGES.iter().filter(|edge| edge.consumer == service);
    let needs = edges.filter_map(|edge| {
        let noun = match edge.needs {
            Needs::Before(needs) => needs(&asked)?.noun,
            // All that the load asks of Registry names owners.
            Needs::After(noun) => noun,
        };
        Some((edge.number, edge.rule, noun.owner))
    });
    needs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::schedule::{self, Workload};

    #[test]
    fn the_table_decides() {
        let of = |broken, service, endpoint| expected(Architecture::ApiCentric, broken, service, endpoint);
        let of_log = |broken| expected(Architecture::SelfContained, broken, "registry", "create-api").0;
        assert_eq!(of_log(Break::Service("profile")), Expected::Untouched);
        assert_eq!(of_log(Break::Service("registry-ingester")), Expected::Untouched);
        assert_eq!(of_log(Break::Database("registry")), Expected::Down);
        for broken in [Break::Service("profile"), Break::Database("profile")] {
            assert_eq!(of(broken, "registry", "create-api"), (Expected::Closed, Some(4)));
            assert_eq!(of(broken, "registry", "find-api"), (Expected::Open, Some(5)));
            assert_eq!(of(broken, "billing", "find-usage"), (Expected::Closed, Some(11)));
            assert_eq!(of(broken, "profile", "find-profile"), (Expected::Down, None));
            assert_eq!(of(broken, "notification", "list-notifications"), (Expected::Untouched, None));
        }
        assert_eq!(of(Break::Service("account"), "registry", "create-api"), (Expected::Open, Some(3)));
        assert_eq!(of(Break::Slow("profile"), "registry", "create-api"), (Expected::Later, Some(4)));
        assert_eq!(of(Break::Slow("profile"), "profile", "find-profile"), (Expected::Untouched, None));
    }

    #[test]
    fn some_request_of_the_load_goes_over_every_edge() {
        let services = Workload::parse(schedule::EDGES).unwrap().services;
        let endpoints =
            services.iter().flat_map(|(service, of)| of.endpoints.iter().map(move |one| (service, &one.name)));
        let asked: Vec<u8> = endpoints.flat_map(|(service, name)| needs(service, name)).map(|edge| edge.0).collect();
        let not: Vec<u8> = EDGES.iter().map(|edge| edge.number).filter(|number| !asked.contains(number)).collect();
        assert_eq!(not, [0; 0]);
        for (service, endpoint, number) in [
            ("profile", "create-profile", 6),
            ("profile", "delete-responsible-profile", 7),
            ("account", "choose-too-small-plan", 9),
            ("account", "create-login", 10),
        ] {
            assert!(needs(service, endpoint).iter().any(|edge| edge.0 == number), "{endpoint}");
        }
    }
}
