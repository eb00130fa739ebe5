//! A running deployment of the product: its processes, databases, gateway and clock. `lab up` holds one, and so does every experiment.

pub(crate) mod binaries;
pub mod clock;
pub mod copies;
mod database;
mod databases;
mod deployment;
pub mod export;
mod follower;
pub mod gateway;
mod home;
mod log;
mod once;
pub(crate) mod patience;
pub(crate) mod ports;
pub(crate) mod process;
mod relay;
mod running;
pub mod services;
mod settings;
mod site;
mod supervisor;
mod union;
mod up;
mod ways;

pub use databases::{Engines, Layout, Relayed};
pub(crate) use deployment::postgres_info;
pub use deployment::{Audited, BATCH_MAX, Deployment, image_of};
pub use home::Home;
pub use relay::Relay;
pub use running::Options;
pub use services::Architecture;
pub use settings::LIMITS;
pub use site::Site;
pub(crate) use site::agent;
pub use up::{first_requests, run};
