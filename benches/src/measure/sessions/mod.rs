//! Sessions that run SQL as logins of their own during a load: actors, their logins, their steps.

mod actor;
mod login;
mod session;
mod step;

pub use actor::Actor;
pub use login::{drop as drop_login, make as make_login};
pub use session::{Rounds, Session};
pub use step::{Step, Values};
