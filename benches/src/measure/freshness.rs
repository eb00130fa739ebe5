//! How soon one service's change takes effect in another one: a freeze by Billing in Registry's answers, a rename by
//! Profile in the owners that Registry shows. A freeze is written as Billing's own role does, so
//! where the database isn't ours only the rename is tried.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use postgres::Client;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Failure;
use crate::data::{Organisation, connect, failed};
use crate::load::driver::{self, Load, Settings};
use crate::result::{Delay, Freshness};
use crate::system::Site;

/// Later than this a change counts as never seen.
const PATIENCE: Duration = Duration::from_secs(10);

/// A rename and a freeze, on a busy machine: how long a load goes on for each.
pub const TRY: Duration = Duration::from_millis(400);

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Tries<'a> {
    /// Billing's database as superuser; none: no freeze is tried.
    pub billing: Option<&'a str>,
    /// Whether a freeze is told in Billing's feed, as Billing does: who has a copy hears of it by that.
    pub told: bool,
    /// How often.
    pub count: usize,
    /// After this no other one is begun.
    pub until: Option<Instant>,
}

/// The same while these loads are driven.
///
/// # Errors
/// As of [`measure`], and when the driver can't start.
pub fn under_load(site: &dyn Site, loads: Vec<Load>, tries: Tries<'_>) -> Result<Freshness, Failure> {
    let driving = driver::start(loads, Settings::default());
    let loaded = measure(site, tries)?;
    driving.finish()?;
    Ok(loaded)
}

/// Tries both; the freeze only where there is a superuser's URL.
pub fn measure(site: &dyn Site, tries: Tries<'_>) -> Result<Freshness, Failure> {
    let person = Person::find(site)?;
    let (mut freezes, mut renames, mut served) = (Vec::new(), Vec::new(), 0);
    // One for all tries: the end of a connection takes a processor for some milliseconds, which would count as delay.
    let mut billing = tries.billing.map(connect).transpose()?;
    for number in 0..tries.count {
        if number > 0 && tries.until.is_some_and(|until| Instant::now() > until) {
            break;
        }
        if let Some(billing) = &mut billing {
            freezes.push(person.freeze(billing, tries.told, &mut served)?);
        }
        let name = format!("Renamed {number}");
        person.rename(&name)?;
        let since = Instant::now();
        until(|| Ok(person.shown()?.as_ref() == Some(&name)))?;
        renames.push(since.elapsed());
    }
    Ok(Freshness { freeze: delay(freezes), rename: delay(renames), served_though_frozen: served, under_load: None })
}

fn delay(mut delays: Vec<Duration>) -> Option<Delay> {
    delays.sort_unstable();
    let at = |q: f64| {
        let rank = (q * delays.len() as f64).ceil() as usize;
        Some(delays.get(rank.saturating_sub(1))?.as_secs_f64() * 1000.0)
    };
    Some(Delay { p50_ms: at(0.5)?, p95_ms: Some(at(0.95)?), p99_ms: at(0.99)?, tries: delays.len() })
}

/// Somebody whom Profile knows and Registry shows, and their organisation.
pub(super) struct Person {
    agent: ureq::Agent,
    urls: BTreeMap<&'static str, String>,
    of: Organisation,
    api: Uuid,
    id: String,
}

impl Person {
    /// Of the least popular organisation: it has no other hot rows.
    pub(super) fn find(site: &dyn Site) -> Result<Self, Failure> {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
        let all = &site.data().organisations;
        let of = all.last().ok_or_else(|| Failure::could_not_run("The data set has no organisation."))?.clone();
        let url = |service| Ok((service, site.url(service)?.to_owned()));
        let urls = ["registry", "profile"].into_iter().map(url).collect::<Result<_, Failure>>()?;
        let api = of.apis.first().copied().unwrap_or_default();
        let mut person = Self { agent, urls, of, api, id: String::new() };
        let none = || Failure::could_not_run("Registry shows no owner to be renamed.");
        person.id = person.owner("id")?.ok_or_else(none)?;
        Ok(person)
    }

    /// The name that Registry shows.
    pub(super) fn shown(&self) -> Result<Option<String>, Failure> {
        self.owner("name")
    }

    fn owner(&self, field: &str) -> Result<Option<String>, Failure> {
        let (_, shown, _) = self.get("registry", &format!("/apis/{}", self.api))?;
        Ok(shown["technicalOwner"][field].as_str().map(str::to_owned))
    }

    /// Returns when Profile has answered that it has done so.
    pub(super) fn rename(&self, name: &str) -> Result<(), Failure> {
        let person = format!("/profiles/{}", self.id);
        let (_, _, etag) = self.get("profile", &person)?;
        let answer = self
            .headed(self.agent.patch(&self.url("profile", &person)))
            .header("if-match", etag)
            .send_json(json!({ "name": name }))
            .map_err(|error| unanswered(&error))?;
        match answer.status().as_u16() {
            200 => Ok(()),
            other => Err(Failure::could_not_run(format!("Profile refused a rename with {other}."))),
        }
    }

    /// From the commit of a freeze to the first 402; `served` counts what was answered well in between.
    fn freeze(&self, billing: &mut Client, told: bool, served: &mut u64) -> Result<Duration, Failure> {
        let path = "/apis?limit=1";
        let frozen = |status: u16| status == 402;
        stand(billing, self.of.id, "active", told)?;
        until(|| Ok(!frozen(self.get("registry", path)?.0)))?;
        stand(billing, self.of.id, "frozen", told)?;
        let since = Instant::now();
        let delay = until(|| {
            let yes = frozen(self.get("registry", path)?.0);
            *served += u64::from(!yes);
            Ok(yes)
        })
        .map(|()| since.elapsed());
        stand(billing, self.of.id, "active", told)?;
        delay
    }

    /// Status, body and ETag.
    fn get(&self, service: &str, path: &str) -> Result<(u16, Value, String), Failure> {
        let mut answer =
            self.headed(self.agent.get(&self.url(service, path))).call().map_err(|error| unanswered(&error))?;
        let header = answer.headers().get("etag");
        let etag = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (status, etag) = (answer.status().as_u16(), etag.to_owned());
        let body = answer.body_mut().read_json().unwrap_or(Value::Null);
        Ok((status, body, etag))
    }

    fn url(&self, service: &str, path: &str) -> String {
        let base = self.urls.get(service).map(String::as_str).unwrap_or_default();
        format!("{base}/api/v1/organisations/{}{path}", self.of.id)
    }

    fn headed<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        let token = (!self.of.token.is_empty()).then(|| self.of.token.as_bytes());
        let signed = token.into_iter().map(|token| ("authorization", token));
        let others = self.of.headers.iter();
        signed
            .chain(others.map(|(name, value)| (name.as_str(), value.as_bytes())))
            .fold(request, |request, (name, value)| request.header(name, value))
    }
}

/// Changes an organisation's standing as Billing writes it, by its own role, over a superuser's connection; `told`: in Billing's feed, too.
pub fn stand(billing: &mut Client, id: Uuid, standing: &str, told: bool) -> Result<(), Failure> {
    let frozen = standing == "frozen";
    let since = if frozen { "now()" } else { "null" };
    let tell = match told {
        true => format!(
            "insert into billing.changes (at, kind, organisation_id, entity_id, version, request_id, before, after)
             select now(), '{}', '{id}', '{id}', s.version, '{}', '{{}}', jsonb_build_object('standing', s.standing)
             from billing.standings s where s.organisation_id = '{id}';",
            if frozen { "OrganisationFrozen" } else { "OrganisationUnfrozen" },
            Uuid::now_v7(),
        ),
        false => String::new(),
    };
    // The hint comes after the commit, as in the service.
    let hint = if told { "; notify billing_changes" } else { "" };
    billing
        .batch_execute(&format!(
            "begin; set local role billing_writer;
             insert into billing.standings (organisation_id, standing, overdue_since, first_failed_at, frozen_at, version, updated_at)
             values ('{id}', '{standing}', {since}, {since}, {since}, 1, now())
             on conflict (organisation_id) do update set standing = excluded.standing,
                 overdue_since = excluded.overdue_since, first_failed_at = excluded.first_failed_at,
                 frozen_at = excluded.frozen_at, version = billing.standings.version + 1, updated_at = excluded.updated_at;
             {tell}
             commit{hint}"
        ))
        .map_err(|error| failed("changing an organisation's standing", &error))
}

fn unanswered(error: &ureq::Error) -> Failure {
    Failure::could_not_run(format!("Freshness can't be measured: {error}."))
}

/// Asks again at once until it holds.
fn until(mut holds: impl FnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    while !holds()? {
        if Instant::now() > deadline {
            return Err(Failure::could_not_run(format!("A change took no effect within {} s.", PATIENCE.as_secs())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_nearest_rank() {
        let found = delay((1..=100).rev().map(Duration::from_millis).collect()).unwrap();
        assert_eq!((found.p50_ms, found.p95_ms, found.p99_ms, found.tries), (50.0, Some(95.0), 99.0, 100));
        assert_eq!(delay(vec![]), None);
    }
}
