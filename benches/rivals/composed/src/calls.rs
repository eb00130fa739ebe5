//! What is asked of the neighbours. One that doesn't answer makes the read a 503: without the owner's name and the
//! standing the contract's answer can't be given.

use std::time::Duration;

use actix_web::http::header::HeaderValue;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kit::Error;
use kit::error::Busy;
use kit::id::{OrganisationId, ProfileId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Where they are, and how patient we are.
pub struct Neighbours {
    pub profile: String,
    pub account: String,
    pub timeout: Duration,
}

/// An owner as Profile shows it, and as we show it on.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    pub id: ProfileId,
    pub name: String,
    pub job_title: Option<String>,
}

#[derive(Deserialize)]
struct Organisation {
    standing: String,
}

thread_local! {
    // One for each event loop: a connection's task lives where it was made.
    static HTTP: Client<HttpConnector, Empty<Bytes>> = {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Client::builder(TokioExecutor::new()).build(connector)
    };
}

impl Neighbours {
    /// How the organisation stands, from Account.
    pub async fn standing(&self, organisation: OrganisationId, token: Option<&HeaderValue>) -> Result<String, Error> {
        let url = format!("{}/api/v1/organisations/{organisation}", self.account);
        let found: Option<Organisation> = self.get(url, token).await?;
        found.map(|of| of.standing).ok_or(Error::NotFound)
    }

    /// An owner, from Profile; none where there is no such person any more.
    pub async fn person(
        &self,
        organisation: OrganisationId,
        id: Option<ProfileId>,
        token: Option<&HeaderValue>,
    ) -> Result<Option<Person>, Error> {
        let Some(id) = id else { return Ok(None) };
        let url = format!("{}/api/v1/organisations/{organisation}/profiles/{id}", self.profile);
        self.get(url, token).await
    }

    async fn get<T: DeserializeOwned>(&self, url: String, token: Option<&HeaderValue>) -> Result<Option<T>, Error> {
        let mut request = hyper::Request::get(url);
        if let Some(token) = token {
            request = request.header("authorization", token.as_bytes());
        }
        let request =
            request.body(Empty::new()).map_err(|error| Error::internal(format!("a call can't be made: {error}")))?;
        let elsewhere = || Error::Busy(Busy::Elsewhere);
        let http = HTTP.with(Clone::clone);
        let answer = async {
            let response = http.request(request).await.map_err(|_| elsewhere())?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map_err(|_| elsewhere())?;
            Ok::<_, Error>((status, body.to_bytes()))
        };
        let (status, body) = tokio::time::timeout(self.timeout, answer).await.map_err(|_| elsewhere())??;
        match status {
            200 => serde_json::from_slice(&body)
                .map(Some)
                .map_err(|error| Error::internal(format!("a neighbour's answer: {error}"))),
            404 => Ok(None),
            _ => Err(elsewhere()),
        }
    }
}
