//! All cases of the contract.

use crate::world::Case;
use crate::{account, billing, notification, profile, registry};

/// Every case, with the service that it is of. A case may need others too: `HttpFixture` makes tenants by Account and Profile.
pub fn cases() -> Vec<(&'static str, Case)> {
    let suites = [
        ("account", account::suite()),
        ("profile", profile::suite()),
        ("registry", registry::suite()),
        ("billing", billing::suite()),
        ("notification", notification::suite()),
    ];
    suites.into_iter().flat_map(|(service, suite)| suite.into_iter().map(move |case| (service, case))).collect()
}
