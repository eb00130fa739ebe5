//! Drives services without a cell around it, and what that cost the processors.

use crate::Failure;
use crate::load::driver::{self, Load, ServiceRecord, Settings};
use crate::observe::{CpuClock, Observer};
use crate::system::Deployment;

/// What was driven.
pub struct Driven {
    /// By service.
    pub records: Vec<ServiceRecord>,
    /// Processor seconds of services, database and driver; what others used of the machine is not in it.
    pub used_s: f64,
}

/// Drives these loads.
///
/// # Errors
/// When the driver can't start or the database can't be read.
pub fn drive(deployment: &Deployment, loads: &[Load], settings: Settings) -> Result<Driven, Failure> {
    let processes = deployment.processes();
    let observer = Observer::start(deployment.server_url()?, &processes)?;
    let clock = CpuClock::start(&processes);
    let records = driver::run(loads, settings)?;
    let machine = clock.read();
    let postgres_s: f64 = observer.finish()?.roles.values().map(|role| role.cpu_s).sum();
    Ok(Driven { records, used_s: (machine.services + machine.own) * machine.seconds + postgres_s })
}
