//! Registry: domains, sub domains, APIs, versions, tags, watches.

mod across;
mod api_lists;
mod api_values;
mod apis;
mod desk;
mod domains;
mod standing;
mod sub_domains;
mod tags;
mod versions;
mod watches;

pub use across::cases as across;
pub use apis::cases as apis;
pub use desk::Desk;
pub use domains::cases as domains;
pub use sub_domains::cases as sub_domains;
pub use tags::cases as tags;
pub use versions::cases as versions;
pub use watches::cases as watches;

use crate::world::Case;

/// All cases.
pub fn suite() -> Vec<Case> {
    [domains(), sub_domains(), apis(), versions(), tags(), watches(), across()].concat()
}
