//! The people that logins are linked to are Profile's.

use behaviour::assert::problem_at;
use behaviour::json;
use diesel::connection::SimpleConnection;

use crate::here::{Here, PASSWORD, person, unique};

#[test]
fn nobody_is_linked_to_who_was_deleted() {
    let here = Here::new();
    let (org, _, token) = here.organisation("team");
    let (there, gone) = (person(&*here.db, org), person(&*here.db, org));
    let erase = format!(
        "update profile.profiles set name = null, job_title = null, email = null, time_zone = null, deleted_at = now() where id = '{gone}'"
    );
    here.superuser().batch_execute(&erase).expect("a tombstone");
    let path = format!("/organisations/{org}/logins");
    let link = |profile| {
        let email = format!("{}@persons.example", unique());
        let body = json!({"email": email, "password": PASSWORD, "scope": "member", "profileId": profile});
        here.account.post(&path).token(&token).json(&body).send()
    };
    problem_at(&link(gone), 422, "profileId");
    let made = link(there).expect(201);
    let patch = here.account.patch(&format!("{path}/{}", made.id()));
    let patched = patch.token(&token).if_match(&made.etag()).json(&json!({"profileId": gone}));
    problem_at(&patched.send(), 422, "profileId");
}
