//! A service's list of endpoints, and what else kit is to run for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Error as ActixError, FromRequest, Handler, HttpRequest, Responder, guard};

use crate::app::Check;
use crate::changes::handlers;
use crate::error::Error;
use crate::jobs::{Job, Work};
use crate::metrics::Measured;
use crate::readable::Probe;
use crate::reply::BASE;
use crate::server::prepare;

/// Makes one route; called once per worker.
type Attach = Arc<dyn Fn() -> actix_web::Route + Send + Sync>;
/// Adds application data; called once per worker.
type Configure = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

#[derive(Clone)]
struct Route {
    method: Method,
    path: String,
    attach: Attach,
}

/// Endpoints, shared data, readiness probes and jobs of one service.
///
/// Paths are those of the contract below `/api/v1`; a parameter is `{name}`, the organisation's is always `{org}`.
#[derive(Clone, Default)]
pub struct Routes {
    routes: Vec<Route>,
    configure: Vec<Configure>,
    pub(crate) probes: Vec<Probe>,
    pub(crate) measured: Vec<Measured>,
    pub(crate) registries: Vec<prometheus::Registry>,
    pub(crate) checks: Vec<Check>,
    pub(crate) jobs: Vec<Job>,
}

macro_rules! methods {
    ($($name:ident $method:ident),+) => {$(
        #[doc = concat!("Adds `", stringify!($method), "` of a path below `/api/v1`.")]
        #[must_use]
        pub fn $name<H, Args>(self, path: &str, handler: H) -> Self
        where
            H: Handler<Args> + Send + Sync,
            Args: FromRequest + 'static,
            H::Output: Responder + 'static,
        {
            self.route(Method::$method, format!("{BASE}{path}"), handler)
        }
    )+};
}

impl Routes {
    /// No endpoints yet.
    pub fn new() -> Self {
        Self::default()
    }

    methods!(get GET, post POST, put PUT, patch PATCH, delete DELETE);

    /// Adds `GET` of a path outside of `/api/v1`: `/.well-known/jwks.json`.
    #[must_use]
    pub fn get_at_root<H, Args>(self, path: &str, handler: H) -> Self
    where
        H: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        self.route(Method::GET, path.to_owned(), handler)
    }

    /// Adds `POST` of a path outside of `/api/v1`.
    #[must_use]
    pub fn post_at_root<H, Args>(self, path: &str, handler: H) -> Self
    where
        H: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        self.route(Method::POST, path.to_owned(), handler)
    }

    /// Puts a layer around each endpoint added so far. It runs after `Accept`, the token, the write limits and the body have
    /// been looked at, and never where a path refuses a method.
    ///
    /// A layer that refuses answers with `request.error_response(…)`: an `Err` would pass the log and the metrics by.
    #[must_use]
    pub fn around<L, F>(mut self, layer: L) -> Self
    where
        L: Fn(ServiceRequest, Next<BoxBody>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<ServiceResponse<BoxBody>, ActixError>> + 'static,
    {
        for route in &mut self.routes {
            let (inner, layer) = (Arc::clone(&route.attach), layer.clone());
            route.attach = Arc::new(move || inner().wrap(from_fn(layer.clone())));
        }
        self
    }

    fn route<H, Args>(mut self, method: Method, path: String, handler: H) -> Self
    where
        H: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        let of = method.clone();
        let attach: Attach = Arc::new(move || answering(&of).to(handler.clone()));
        self.routes.push(Route { method, path, attach });
        self
    }

    /// Adds the feed's two endpoints: `GET /organisations/{org}/<service>-changes` and, for operators, `GET /<service>-changes`.
    #[must_use]
    pub fn changes(self, service: &str) -> Self {
        self.get(&format!("/organisations/{{org}}/{service}-changes"), handlers::list_changes)
            .get(&format!("/{service}-changes"), handlers::list_all_changes)
    }

    /// What handlers take as `Data<T>`: a [`crate::Batch`], settings, …
    #[must_use]
    pub fn data<T: ?Sized + Send + Sync + 'static>(mut self, data: Arc<T>) -> Self {
        self.configure.push(Arc::new(move |config| {
            config.app_data(Data::from(Arc::clone(&data)));
        }));
        self
    }

    /// Tables and views without which the service isn't ready: [`crate::readable!`].
    #[must_use]
    pub fn ready(mut self, probes: Vec<Probe>) -> Self {
        self.probes.extend(probes);
        self
    }

    /// Something to measure in the database for each look at `/metrics`.
    #[must_use]
    pub fn measure(mut self, measured: Measured) -> Self {
        self.measured.push(measured);
        self
    }

    /// Counters and gauges of the service's own, shown at `/metrics` after kit's.
    #[must_use]
    pub fn metrics(mut self, registry: prometheus::Registry) -> Self {
        self.registries.push(registry);
        self
    }

    /// A further condition of readiness: a flag that a job sets, never something that waits. `Err` says what would help.
    #[must_use]
    pub fn ready_if(mut self, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.checks.push(Arc::new(check));
        self
    }

    /// Work by the clock on the wall: `cron` has six fields, seconds first, in UTC. Runs on the write lane, never twice at once.
    ///
    /// The schedule only wakes the job up; what is due it asks of the service's clock, which tests move.
    #[must_use]
    pub fn job(
        mut self,
        cron: &'static str,
        name: &'static str,
        work: impl Fn() -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        let work: Work = Arc::new(work);
        self.jobs.push(Job { cron, name, work });
        self
    }

    /// Method and path of every endpoint as in the contract: a test compares the two. HEAD, which every GET answers, isn't listed.
    pub fn list(&self) -> Vec<(String, String)> {
        self.routes.iter().map(|route| (route.method.to_string(), route.path.clone())).collect()
    }

    /// Puts everything into one worker's application.
    pub(crate) fn configure(&self, config: &mut ServiceConfig) {
        for configure in &self.configure {
            configure(config);
        }
        for (path, routes) in self.by_path() {
            let methods: Vec<_> = routes.iter().map(|route| allowed(&route.method)).collect();
            let allow: Arc<str> = methods.join(", ").into();
            let resource = routes.iter().fold(web::resource(path), |resource, route| resource.route((route.attach)()));
            let other = move || {
                let error = Error::MethodNotAllowed { allow: allow.to_string() };
                async move { Err::<crate::reply::Reply, _>(error) }
            };
            config.service(resource.default_service(web::to(other)).wrap(from_fn(prepare)));
        }
        config.default_service(web::to(|_: HttpRequest| async { Err::<crate::reply::Reply, _>(Error::NotFound) }));
    }

    /// Routes of one path belong into one resource, or the second would never be asked. In the order of their first mention.
    fn by_path(&self) -> Vec<(&str, Vec<&Route>)> {
        let mut index = BTreeMap::new();
        let mut paths: Vec<(&str, Vec<&Route>)> = Vec::new();
        for route in &self.routes {
            let at = *index.entry(route.path.as_str()).or_insert(paths.len());
            if at == paths.len() {
                paths.push((&route.path, Vec::new()));
            }
            paths[at].1.push(route);
        }
        paths
    }
}

/// A route for this method. What answers GET answers HEAD by the same handler: the connection leaves the body out.
pub(crate) fn answering(method: &Method) -> actix_web::Route {
    match *method {
        Method::GET => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
        _ => web::method(method.clone()),
    }
}

/// A method as `Allow` lists it.
pub(crate) fn allowed(method: &Method) -> &str {
    if method == Method::GET { "GET, HEAD" } else { method.as_str() }
}
