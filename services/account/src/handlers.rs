//! Wire: the list of endpoints, and one function for each.

mod logins;
mod organisations;
mod plans;
mod sessions;

use kit::Routes;

use crate::store::SCHEMA;

/// All endpoints of the contract.
pub fn routes() -> Routes {
    Routes::new()
        .post("/organisations", organisations::create_organisation)
        .get("/organisations/{org}", organisations::find_organisation)
        .patch("/organisations/{org}", organisations::update_organisation)
        .post("/organisations/{org}/logins", logins::create_login)
        .get("/organisations/{org}/logins", logins::list_logins)
        .get("/organisations/{org}/logins/{id}", logins::find_login)
        .patch("/organisations/{org}/logins/{id}", logins::update_login)
        .delete("/organisations/{org}/logins/{id}", logins::delete_login)
        .put("/logins/me/password", logins::change_password)
        .post("/plans", plans::create_plan)
        .get("/plans", plans::list_plans)
        .get("/plans/{code}", plans::find_plan)
        .patch("/plans/{code}", plans::update_plan)
        .post("/sessions", sessions::create_session)
        .get_at_root("/.well-known/jwks.json", sessions::list_keys)
        .changes(SCHEMA)
}
