//! The wire: who may call, what is read of the request, and how an answer looks. Each handler is named as in the contract.

mod apis;
mod changes;
mod domains;
mod sub_domains;
mod versions;
mod watches;

use kit::Routes;

/// All endpoints.
pub fn routes() -> Routes {
    // The busiest first: one pattern after another is tried.
    let routes = Routes::new()
        .get("/organisations/{org}/apis", apis::list_apis)
        .post("/organisations/{org}/apis", apis::create_api)
        .get("/organisations/{org}/apis/{api}", apis::find_api)
        .patch("/organisations/{org}/apis/{api}", apis::update_api)
        .delete("/organisations/{org}/apis/{api}", apis::delete_api)
        .post("/organisations/{org}/apis/{api}/move", apis::move_api)
        .get("/organisations/{org}/apis/{api}/versions", versions::list_versions)
        .post("/organisations/{org}/apis/{api}/versions", versions::create_version)
        .delete("/organisations/{org}/apis/{api}/versions/{number}", versions::delete_version)
        .put("/organisations/{org}/apis/{api}/versions/{number}/status", versions::set_version_status);
    let routes = routes
        .get("/organisations/{org}/domains", domains::list_domains)
        .post("/organisations/{org}/domains", domains::create_domain)
        .get("/organisations/{org}/domains/{domain}", domains::find_domain)
        .patch("/organisations/{org}/domains/{domain}", domains::update_domain)
        .delete("/organisations/{org}/domains/{domain}", domains::delete_domain)
        .get("/organisations/{org}/domains/{domain}/sub-domains", sub_domains::list_sub_domains)
        .post("/organisations/{org}/domains/{domain}/sub-domains", sub_domains::create_sub_domain)
        .get("/organisations/{org}/sub-domains/{sub_domain}", sub_domains::find_sub_domain)
        .patch("/organisations/{org}/sub-domains/{sub_domain}", sub_domains::update_sub_domain)
        .delete("/organisations/{org}/sub-domains/{sub_domain}", sub_domains::delete_sub_domain)
        .post("/organisations/{org}/sub-domains/{sub_domain}/move", sub_domains::move_sub_domain);
    routes
        .get("/organisations/{org}/tags", apis::list_tags)
        .get("/organisations/{org}/watches", watches::list_watches)
        .post("/organisations/{org}/watches", watches::create_watch)
        .delete("/organisations/{org}/watches/{watch}", watches::end_watch)
        .get("/organisations/{org}/registry-changes", changes::list_registry_changes)
        .get("/registry-changes", changes::list_all_registry_changes)
}
