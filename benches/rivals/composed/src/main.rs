//! A rival: a Registry that holds its own tables alone and composes an API's read of three HTTP calls: both owners at
//! Profile, the organisation's standing at Account.
//!
//! Everything else is as in our Registry, and as good as we could make it: the same server, pool, token check and
//! connections kept alive; the standing is asked for while the row is read, both owners at once. It implements that one
//! read alone. `lab composed` builds and starts it, and holds the API-centric architecture's read to its times.

mod calls;
mod read;

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Data;
use clap::Args;
use kit::auth::Member;
use kit::id::{ApiId, OrganisationId};
use kit::{Answer, Boot, Ctx, Error, Ids, NoQuery, Routes, Service, StartError, call, reply};

use calls::Neighbours;
use read::Row;

/// Whom it asks.
#[derive(Args, Clone, Debug)]
struct Settings {
    /// Base URL of Profile
    #[arg(long, env = "PROFILE_URL")]
    profile_url: String,
    /// Base URL of Account
    #[arg(long, env = "ACCOUNT_URL")]
    account_url: String,
    /// After this many milliseconds without an answer of a neighbour the read is refused with 503
    #[arg(long, env = "CALL_TIMEOUT_MS", default_value_t = 2000)]
    call_timeout_ms: u64,
}

struct Composed;

impl Service for Composed {
    const NAME: &'static str = "registry";
    const CONTRACT: &'static str = include_str!("../../../../docs/contract/registry.yaml");
    const KEEPS_ANSWERS: bool = false;
    type Settings = Settings;

    fn start(boot: &Boot<Settings>) -> Result<Routes, StartError> {
        let settings = boot.settings();
        let neighbours = Neighbours {
            profile: settings.profile_url.trim_end_matches('/').to_owned(),
            account: settings.account_url.trim_end_matches('/').to_owned(),
            timeout: Duration::from_millis(settings.call_timeout_ms),
        };
        Ok(Routes::new().get("/organisations/{org}/apis/{api}", find_api).data(Arc::new(neighbours)))
    }
}

async fn find_api(
    ctx: Ctx,
    member: Member,
    ids: Ids<(OrganisationId, ApiId)>,
    _: NoQuery,
    request: HttpRequest,
    neighbours: Data<Neighbours>,
) -> Answer {
    let (organisation, id) = (member.organisation, ids.0.1);
    let token = request.headers().get("authorization").cloned();
    let own = call::read(&ctx, move |c| read::own(c, organisation, id));
    let standing = neighbours.standing(organisation, token.as_ref());
    let (own, standing) = futures_util::future::join(own, standing).await;
    if standing? == "frozen" {
        return Err(Error::PaymentRequired {
            slug: "organisation-frozen",
            detail: "the organisation is frozen until its overdue invoices are paid".to_owned(),
        });
    }
    let row: Row = own?.ok_or(Error::NotFound)?;
    let owner = |id| neighbours.person(organisation, id, token.as_ref());
    let (business, technical) =
        futures_util::future::join(owner(row.business_owner_id), owner(row.technical_owner_id)).await;
    let api = row.compose(business?, technical?);
    reply::with_etag(api.version, &api)
}

fn main() -> std::process::ExitCode {
    kit::run::<Composed>()
}
