//! How soon one service's change takes effect in another one: a freeze by Billing in Registry's answers, a rename by
//! Profile in the owners that Registry shows. There is no other load. A freeze is written as Billing's own role does, so
//! where the database isn't ours only the rename is tried.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::Failure;
use crate::data::{Organisation, connect, failed};
use crate::result::{Delay, Freshness};
use crate::system::Site;

/// Later than this a change counts as never seen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tries both `tries` times; the freeze only where there is a superuser's URL.
pub fn measure(site: &dyn Site, database_url: Option<&str>, tries: usize) -> Result<Freshness, Failure> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
    // The least popular organisation: it has no other hot rows.
    let of =
        site.data().organisations.last().ok_or_else(|| Failure::could_not_run("The data set has no organisation."))?;
    let probe = Probe { site, agent, of };
    let (mut freezes, mut renames, mut served) = (Vec::new(), Vec::new(), 0);
    for number in 0..tries {
        if let Some(url) = database_url {
            freezes.push(probe.freeze(url, &mut served)?);
        }
        renames.push(probe.rename(number)?);
    }
    Ok(Freshness { freeze: delay(freezes), rename: delay(renames), served_though_frozen: served })
}

fn delay(mut delays: Vec<Duration>) -> Option<Delay> {
    delays.sort_unstable();
    let at = |q: f64| {
        let rank = (q * delays.len() as f64).ceil() as usize;
        Some(delays.get(rank.saturating_sub(1))?.as_secs_f64() * 1000.0)
    };
    Some(Delay { p50_ms: at(0.5)?, p99_ms: at(0.99)?, tries: delays.len() })
}

struct Probe<'a> {
    site: &'a dyn Site,
    agent: ureq::Agent,
    of: &'a Organisation,
}

impl Probe<'_> {
    /// From the commit of a freeze to the first 402; `served` counts what was answered well in between.
    fn freeze(&self, database_url: &str, served: &mut u64) -> Result<Duration, Failure> {
        let path = "/apis?limit=1";
        let frozen = |status: u16| status == 402;
        stand(database_url, self.of.id, "active")?;
        until(|| Ok(!frozen(self.get("registry", path)?.0)))?;
        stand(database_url, self.of.id, "frozen")?;
        let since = Instant::now();
        let delay = until(|| {
            let yes = frozen(self.get("registry", path)?.0);
            *served += u64::from(!yes);
            Ok(yes)
        })
        .map(|()| since.elapsed());
        stand(database_url, self.of.id, "active")?;
        delay
    }

    /// From the answer to a rename to the moment Registry shows the new name.
    fn rename(&self, number: usize) -> Result<Duration, Failure> {
        let api = self.of.apis.first().copied().unwrap_or_default();
        let path = format!("/apis/{api}");
        let owner = |api: &Value, field: &str| {
            let text = api["technicalOwner"][field].as_str();
            text.map(str::to_owned)
        };
        let (_, shown, _) = self.get("registry", &path)?;
        let id = owner(&shown, "id").ok_or_else(|| Failure::could_not_run("Registry shows no owner to be renamed."))?;
        let person = format!("/profiles/{id}");
        let (_, _, etag) = self.get("profile", &person)?;
        let name = format!("Renamed {number}");
        let url = self.url("profile", &person)?;
        let answer = self
            .headed(self.agent.patch(&url))
            .header("if-match", etag)
            .send_json(json!({ "name": name }))
            .map_err(|error| unanswered(&error))?;
        if answer.status().as_u16() != 200 {
            return Err(Failure::could_not_run(format!("Profile refused a rename with {}.", answer.status())));
        }
        let since = Instant::now();
        until(|| {
            let (_, shown, _) = self.get("registry", &path)?;
            Ok(owner(&shown, "name").is_some_and(|shown| shown == name))
        })?;
        Ok(since.elapsed())
    }

    /// Status, body and ETag.
    fn get(&self, service: &str, path: &str) -> Result<(u16, Value, String), Failure> {
        let mut answer =
            self.headed(self.agent.get(&self.url(service, path)?)).call().map_err(|error| unanswered(&error))?;
        let header = answer.headers().get("etag");
        let etag = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (status, etag) = (answer.status().as_u16(), etag.to_owned());
        let body = answer.body_mut().read_json().unwrap_or(Value::Null);
        Ok((status, body, etag))
    }

    fn url(&self, service: &str, path: &str) -> Result<String, Failure> {
        let base = self.site.url(service)?;
        Ok(format!("{base}/api/v1/organisations/{}{path}", self.of.id))
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

/// Changes an organisation's standing as Billing writes it, by its own role.
pub fn stand(database_url: &str, organisation: Uuid, standing: &str) -> Result<(), Failure> {
    let mut client = connect(database_url)?;
    let since = if standing == "frozen" { "now()" } else { "null" };
    client
        .batch_execute(&format!(
            "begin; set local role billing_writer;
             insert into billing.standings (organisation_id, standing, overdue_since, first_failed_at, frozen_at, version, updated_at)
             values ('{organisation}', '{standing}', {since}, {since}, {since}, 1, now())
             on conflict (organisation_id) do update set standing = excluded.standing,
                 overdue_since = excluded.overdue_since, first_failed_at = excluded.first_failed_at,
                 frozen_at = excluded.frozen_at, version = billing.standings.version + 1, updated_at = excluded.updated_at;
             commit",
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
        assert_eq!((found.p50_ms, found.p99_ms, found.tries), (50.0, 99.0, 100));
        assert_eq!(delay(vec![]), None);
    }
}
