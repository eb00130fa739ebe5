//! The built-in plans, and which is the best for an organisation.

use std::collections::BTreeSet;

use behaviour::Services;
use serde_json::Value;

use super::mapping::Tenant;
use crate::Failure;

/// The built-in plans. Others that somebody offers are left alone: an import means the same everywhere.
const BUILT_IN: &[&str] = &["free", "payg", "team", "enterprise"];

/// How many of each an organisation has or will have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    apis: usize,
    domains: usize,
    sub_domains: usize,
    users: usize,
}

impl Needs {
    /// What the catalogue asks for.
    pub fn of(tenant: &Tenant) -> Self {
        Self::with(tenant, [].iter(), [].iter(), [].iter(), 0)
    }

    /// What the catalogue asks for, and what is there already.
    pub fn with<'a>(
        tenant: &Tenant,
        domains: impl Iterator<Item = &'a String>,
        sub_domains: impl Iterator<Item = &'a (String, String)>,
        apis: impl Iterator<Item = &'a String>,
        users: usize,
    ) -> Self {
        let lower = |name: &str| name.to_lowercase();
        let pair = |(domain, sub): (&str, &str)| (lower(domain), lower(sub));
        let count = |names: BTreeSet<String>| names.len();
        Self {
            apis: count(tenant.apis.iter().map(|api| lower(&api.name)).chain(apis.cloned()).collect()),
            domains: count(tenant.domains().into_iter().map(lower).chain(domains.cloned()).collect()),
            sub_domains: tenant
                .sub_domains()
                .into_iter()
                .map(pair)
                .chain(sub_domains.cloned())
                .collect::<BTreeSet<_>>()
                .len(),
            users: Self::people(tenant.apis.len()).max(users),
        }
    }

    /// How many people own so many APIs: a few, and never more than the plan that holds the APIs has room for.
    pub fn people(apis: usize) -> usize {
        (apis.div_ceil(4) + 1).clamp(2, 12)
    }
}

/// The built-in plans, in the order of [`BUILT_IN`].
#[derive(Debug)]
pub struct Plans(Vec<Plan>);

#[derive(Debug)]
struct Plan {
    code: String,
    limits: Value,
    monthly_price_cents: u64,
    /// By what is counted; all 0 where the month has a fixed price.
    unit_prices_cents: Value,
}

impl Plans {
    /// Asks Account, where an operator may have changed the limits.
    pub fn fetch(services: &Services) -> Result<Self, Failure> {
        let account = services.api("account")?;
        let plan = |code: &&str| {
            let body = account.get(&format!("/plans/{code}")).send_patiently(services.patience)?.check(200)?.value();
            Ok(Plan {
                code: (*code).to_owned(),
                limits: body["limits"].clone(),
                monthly_price_cents: body["monthlyPriceCents"].as_u64().unwrap_or(0),
                unit_prices_cents: body["unitPricesCents"].clone(),
            })
        };
        BUILT_IN.iter().map(plan).collect::<Result<_, Failure>>().map(Self)
    }

    /// The smallest with a fixed price that holds it (the largest where none does, so that what fits still goes in); by
    /// use where that costs less than `team`. Who outgrows `team` takes the next fixed price, as large customers do.
    pub fn best(&self, needs: &Needs) -> &str {
        let (by_use, fixed): (Vec<_>, Vec<_>) = self.0.iter().partition(|plan| plan.code == "payg");
        let holding = fixed.iter().find(|plan| plan.holds(needs));
        let Some(fixed) = holding.or(fixed.last()) else {
            return "free";
        };
        let cheaper = |plan: &&&Plan| fixed.code == "team" && plan.monthly_cents(needs) < fixed.monthly_cents(needs);
        by_use.iter().find(cheaper).unwrap_or(fixed).code.as_str()
    }

    /// What an organisation on `plan` must change to; none where it may stay (or is on a plan that isn't built in).
    pub fn larger(&self, plan: &str, needs: &Needs) -> Option<&str> {
        let current = self.0.iter().find(|built_in| built_in.code == plan)?;
        (!current.holds(needs)).then(|| self.best(needs))
    }
}

impl Plan {
    /// What a month costs.
    fn monthly_cents(&self, needs: &Needs) -> u64 {
        let units = |name: &str, count: usize| self.unit_prices_cents[name].as_u64().unwrap_or(0) * count as u64;
        self.monthly_price_cents
            + units("api", needs.apis)
            + units("domain", needs.domains)
            + units("subDomain", needs.sub_domains)
            + units("user", needs.users)
    }

    fn holds(&self, needs: &Needs) -> bool {
        let within = |name: &str, count: usize| {
            let limit = self.limits[name].as_u64();
            limit.is_none_or(|limit| count as u64 <= limit)
        };
        within("apis", needs.apis)
            && within("domains", needs.domains)
            && within("subDomains", needs.sub_domains)
            && within("users", needs.users)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::import::{catalogue, mapping};

    fn plans() -> Plans {
        let plan = |code: &str, limits: [Option<u32>; 4], monthly, units: [u32; 4]| Plan {
            code: code.to_owned(),
            limits: json!({"apis": limits[0], "domains": limits[1], "subDomains": limits[2], "users": limits[3]}),
            monthly_price_cents: monthly,
            unit_prices_cents: json!({"api": units[0], "domain": units[1], "subDomain": units[2], "user": units[3]}),
        };
        Plans(vec![
            plan("free", [5, 1, 3, 3].map(Some), 0, [0; 4]),
            plan("payg", [None; 4], 0, [50, 200, 100, 150]),
            plan("team", [100, 10, 50, 25].map(Some), 4900, [0; 4]),
            plan("enterprise", [10_000, 500, 5_000, 2_000].map(Some), 99_900, [0; 4]),
        ])
    }

    fn tenant(lines: &str) -> Tenant {
        mapping::tenants(&catalogue::parse(lines.as_bytes()).unwrap()).remove(0)
    }

    #[test]
    fn the_plan_that_fits_best() {
        let line = |id: usize, category: &str, service: usize| {
            format!(r#"{{"id":"{id}","provider":"p","version":"1","categories":["{category}"],"service":"{service}"}}"#)
        };
        let lines = |n: usize, of: &dyn Fn(usize) -> String| (0..n).map(of).collect::<Vec<_>>().join("\n");
        let best = |text: String| plans().best(&Needs::of(&tenant(&text))).to_owned();
        assert_eq!(best(lines(5, &|n| line(n, "a", 0))), "free");
        assert_eq!(best(lines(6, &|n| line(n, "a", 0))), "payg", "six APIs");
        assert_eq!(best(lines(2, &|n| line(n, ["a", "b"][n], 0))), "payg", "two domains");
        assert_eq!(best(lines(4, &|n| line(n, "a", n))), "payg", "four sub domains");
        assert_eq!(best(lines(50, &|n| line(n, "a", n))), "team", "49 € beat 50 of each");
        assert_eq!(best(lines(101, &|n| line(n, "a", 0))), "enterprise", "too many for team");
        assert_eq!(best(lines(1000, &|n| line(n, "a", n))), "enterprise", "too many for team");
    }

    #[test]
    fn what_is_there_counts_too() {
        let one = tenant(r#"{"id":"New","provider":"p","version":"1"}"#);
        let there: Vec<String> = (0..5).map(|n| format!("old{n}")).collect();
        let with = |apis: &[String]| Needs::with(&one, [].iter(), [].iter(), apis.iter(), 0);
        assert_eq!(plans().larger("free", &with(&there)), Some("payg"));
        assert_eq!(plans().larger("free", &with(&there[..4])), None);
        assert_eq!(plans().larger("free", &with(&["new".to_owned()])), None, "the same name is counted once");
        assert_eq!(plans().larger("enterprise", &with(&there)), None, "never down");
        assert_eq!(plans().larger("bespoke", &with(&there)), None);
    }
}
