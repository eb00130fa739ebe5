//! The edges between the services, as a table: who needs what for which request, and what happens while the owner is away.
//! `docs/COMPARE.md` shows the same table.

use actix_web::http::Method;
use serde_json::Value;
use uuid::Uuid;

use Needs::{After, Before};

use crate::neighbour::Question;
use crate::nouns::{HEAD_COUNTS, Noun, ORGANISATIONS, PERSONS, PLANS, RESPONSIBILITIES, STANDINGS, USAGE};

/// What happens while the owner is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The request goes on with what the copy holds, or nothing; the answer says `X-Degraded`.
    Open,
    /// As [`Rule::Open`] where the copy holds something, else 503.
    LastKnown,
    /// 503 before anything is done.
    Closed,
    /// What was asked for counts as unknown: the request is refused with 503 where the service would say that it isn't there. A
    /// request that doesn't depend on it (an unchanged owner, the replay of a finished create) so goes on.
    ClosedIfNew,
}

impl Rule {
    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::LastKnown => "last known",
            Self::Closed => "closed",
            Self::ClosedIfNew => "closed if new",
        }
    }
}

/// A request as the edges see it: of somebody of the organisation in the path.
#[derive(Debug)]
pub struct Asked<'a> {
    /// GET, POST, …
    pub method: &'a Method,
    /// The route below `/api/v1/organisations/{org}`: `/apis/{api}`; empty for the organisation itself.
    pub route: &'a str,
    /// The organisation.
    pub organisation: Uuid,
    /// The person who asks, if the login is linked.
    pub profile: Option<Uuid>,
    /// The last parameter of the path.
    pub id: Option<Uuid>,
    /// The body, where it is JSON.
    pub body: Value,
}

impl Asked<'_> {
    /// Ids that the body names in these fields.
    fn named(&self, fields: &[&str]) -> Vec<Uuid> {
        let ids = fields.iter().filter_map(|field| self.body.get(field)?.as_str()?.parse().ok());
        ids.collect()
    }

    fn is(&self, method: &Method, routes: &[&str]) -> bool {
        self.method == method && routes.contains(&self.route)
    }
}

/// One line of the table.
pub struct Edge {
    /// Its number in the table of `docs/COMPARE.md`.
    pub number: u8,
    /// Who needs it.
    pub consumer: &'static str,
    /// What happens while the owner is away.
    pub rule: Rule,
    /// What is asked of the owner, and when.
    pub needs: Needs,
}

/// What an edge asks of its owner, and when.
pub enum Needs {
    /// Before the handler: what a request needs, if it needs it.
    Before(fn(&Asked<'_>) -> Option<Question>),
    /// After the handler: the rows of those whom its answer names.
    After(&'static Noun),
}

impl Edge {
    /// What a request needs over this edge before its handler, if it needs it.
    #[must_use]
    pub fn before(&self, asked: &Asked<'_>) -> Option<Question> {
        match self.needs {
            Before(needs) => needs(asked),
            After(_) => None,
        }
    }
}

/// The edge that a service's answers go over after the handler, and whose rows they need.
#[must_use]
pub fn after(service: &str) -> Option<(&'static Edge, &'static Noun)> {
    EDGES.iter().filter(|edge| edge.consumer == service).find_map(|edge| match edge.needs {
        Before(_) => None,
        After(noun) => Some((edge, noun)),
    })
}

/// Fields of Registry's bodies that name owners.
const OWNERS: [&str; 2] = ["businessOwnerId", "technicalOwnerId"];
/// Registry's creates that are counted against the plan.
const COUNTED: [&str; 3] = ["/domains", "/domains/{domain}/sub-domains", "/apis"];

/// Every edge that a request goes over, in the order of the table.
pub static EDGES: &[Edge] = &[
    Edge { number: 2, consumer: "registry", rule: Rule::Open, needs: Before(standing) },
    Edge { number: 3, consumer: "registry", rule: Rule::LastKnown, needs: Before(|asked| plan_of(asked, &COUNTED)) },
    Edge { number: 3, consumer: "registry", rule: Rule::LastKnown, needs: Before(|asked| plans(asked, &COUNTED)) },
    Edge { number: 4, consumer: "registry", rule: Rule::ClosedIfNew, needs: Before(|asked| persons(asked, &OWNERS)) },
    Edge { number: 4, consumer: "registry", rule: Rule::ClosedIfNew, needs: Before(watcher) },
    Edge { number: 5, consumer: "registry", rule: Rule::Open, needs: After(&PERSONS) },
    Edge {
        number: 6,
        consumer: "profile",
        rule: Rule::LastKnown,
        needs: Before(|asked| plan_of(asked, &["/profiles"])),
    },
    Edge { number: 6, consumer: "profile", rule: Rule::LastKnown, needs: Before(|asked| plans(asked, &["/profiles"])) },
    Edge { number: 7, consumer: "profile", rule: Rule::Closed, needs: Before(responsibilities) },
    Edge {
        number: 8,
        consumer: "account",
        rule: Rule::Open,
        needs: Before(|asked| of_organisation(asked, &STANDINGS)),
    },
    Edge { number: 15, consumer: "account", rule: Rule::Open, needs: Before(|asked| of_organisation(asked, &USAGE)) },
    Edge {
        number: 15,
        consumer: "account",
        rule: Rule::Open,
        needs: Before(|asked| of_organisation(asked, &HEAD_COUNTS)),
    },
    Edge { number: 9, consumer: "account", rule: Rule::Closed, needs: Before(|asked| downgrade(asked, &USAGE)) },
    Edge { number: 9, consumer: "account", rule: Rule::Closed, needs: Before(|asked| downgrade(asked, &HEAD_COUNTS)) },
    Edge {
        number: 10,
        consumer: "account",
        rule: Rule::ClosedIfNew,
        needs: Before(|asked| persons(asked, &["profileId"])),
    },
    Edge { number: 11, consumer: "billing", rule: Rule::Closed, needs: Before(|asked| usage(asked, &ORGANISATIONS)) },
    Edge { number: 11, consumer: "billing", rule: Rule::Closed, needs: Before(|asked| usage(asked, &PLANS)) },
    Edge { number: 11, consumer: "billing", rule: Rule::Closed, needs: Before(|asked| usage(asked, &USAGE)) },
    Edge { number: 11, consumer: "billing", rule: Rule::Closed, needs: Before(|asked| usage(asked, &HEAD_COUNTS)) },
];

fn standing(asked: &Asked<'_>) -> Option<Question> {
    Some(Question::of(&STANDINGS, [asked.organisation]))
}

/// What an organisation is shown with. A change of its plan asks for usage by a stricter edge.
fn of_organisation(asked: &Asked<'_>, noun: &'static Noun) -> Option<Question> {
    let shown = asked.route.is_empty() && (noun == &STANDINGS || asked.method == Method::GET);
    shown.then(|| Question::of(noun, [asked.organisation]))
}

fn plan_of(asked: &Asked<'_>, creates: &[&str]) -> Option<Question> {
    asked.is(&Method::POST, creates).then(|| Question::of(&ORGANISATIONS, [asked.organisation]))
}

fn plans(asked: &Asked<'_>, creates: &[&str]) -> Option<Question> {
    asked.is(&Method::POST, creates).then(|| Question::of(&PLANS, []))
}

fn persons(asked: &Asked<'_>, fields: &[&str]) -> Option<Question> {
    let ids = asked.named(fields);
    (!ids.is_empty()).then(|| Question::some(&PERSONS, asked.organisation, ids))
}

fn watcher(asked: &Asked<'_>) -> Option<Question> {
    let profile = asked.profile.filter(|_| asked.is(&Method::POST, &["/watches"]));
    profile.map(|profile| Question::some(&PERSONS, asked.organisation, [profile]))
}

fn responsibilities(asked: &Asked<'_>) -> Option<Question> {
    let profile = asked.id.filter(|_| asked.method == Method::DELETE && asked.route.starts_with("/profiles/"));
    profile.map(|profile| Question::some(&RESPONSIBILITIES, asked.organisation, [profile]))
}

fn downgrade(asked: &Asked<'_>, noun: &'static Noun) -> Option<Question> {
    let changes = asked.is(&Method::PATCH, &[""]) && asked.body.get("plan").is_some();
    changes.then(|| Question::of(noun, [asked.organisation]))
}

fn usage(asked: &Asked<'_>, noun: &'static Noun) -> Option<Question> {
    asked.is(&Method::GET, &["/usage"]).then(|| Question::of(noun, [asked.organisation]))
}
