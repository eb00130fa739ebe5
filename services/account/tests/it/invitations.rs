//! Logins that were added, and who has their addresses.

use std::sync::Arc;

use account::Settings;
use behaviour::assert::{eventually, problem, problem_of};
use behaviour::{Response, json};
use diesel::connection::SimpleConnection;
use uuid::Uuid;

use crate::here::{Here, PASSWORD, accept, unique};

/// An organisation that adds logins.
struct Adds<'a> {
    here: &'a Here,
    org: Uuid,
    token: String,
}

impl<'a> Adds<'a> {
    fn new(here: &'a Here) -> Self {
        let (org, _, token) = here.organisation("enterprise");
        Self { here, org, token }
    }

    fn path(&self, login: Uuid) -> String {
        format!("/organisations/{}/logins/{login}", self.org)
    }

    fn add(&self, email: &str) -> Uuid {
        let body = json!({"email": email, "password": PASSWORD, "scope": "member"});
        let post = self.here.account.post(&format!("/organisations/{}/logins", self.org)).token(&self.token);
        post.json(&body).send().expect(201).id()
    }

    fn read(&self, login: Uuid) -> Response {
        self.here.account.get(&self.path(login)).token(&self.token).send().expect(200)
    }

    fn is_invited(&self, login: Uuid) -> bool {
        self.read(login).json()["invited"] == true
    }

    /// All that was accepted until now has been looked at.
    fn looked_at(&self) {
        let last = self.add(&address());
        accept(&*self.here.db, last);
        eventually("it is accepted", || (!self.is_invited(last)).then_some(()));
    }
}

fn address() -> String {
    format!("{}@invited.example", unique())
}

#[test]
fn of_two_accepted_at_once_one_works() {
    let here = Here::new();
    // Two instances, each of which looks for itself.
    let _other = Here::on(Arc::clone(&here.db), Settings::default());
    let adds = [Adds::new(&here), Adds::new(&here)];
    for _ in 0..3 {
        let email = address();
        let logins = adds.each_ref().map(|one| one.add(&email));
        let both = "insert into notification.invitations (invitation_id, organisation_id, address_id, created_at, accepted_at) \
            select l.invitation_id, l.organisation_id, gen_random_uuid(), now(), now() from account.logins l where l.email";
        here.superuser().batch_execute(&format!("{both} = '{email}'")).expect("acceptances");
        let working = || (0..2).filter(|one| !adds[*one].is_invited(logins[*one])).count();
        eventually("one works", || (working() == 1).then_some(()));
        adds[0].looked_at();
        assert_eq!(working(), 1);
        here.sign_in(&email, PASSWORD).expect(200);
    }
}

#[test]
fn an_address_that_was_taken_meanwhile_stays_its_owners() {
    let here = Here::new();
    let adds = Adds::new(&here);
    let email = address();
    let login = adds.add(&email);
    // Nobody is kept from signing up by whoever adds logins.
    let admin = json!({"email": email, "password": "the owner's own password"});
    let body = json!({"name": unique(), "plan": "free", "admin": admin});
    here.account.post("/organisations").json(&body).send().expect(201);
    accept(&*here.db, login);
    adds.looked_at();
    assert!(adds.is_invited(login));
    problem_of(&here.sign_in(&email, PASSWORD), 401, "wrong-credentials");
    here.sign_in(&email, "the owner's own password").expect(200);
}

#[test]
fn what_was_accepted_is_the_login_with_that_address() {
    let here = Here::new();
    let adds = Adds::new(&here);
    let (old, new) = (address(), address());
    let login = adds.add(&old);
    let id = format!("(select invitation_id from account.logins where id = '{login}')");
    let accepted_later = format!(
        "insert into notification.invitations (invitation_id, organisation_id, address_id, created_at) \
         values ({id}, '{}', gen_random_uuid(), now())",
        adds.org
    );
    here.superuser().batch_execute(&accepted_later).expect("an invitation");
    let patch = here.account.patch(&adds.path(login)).token(&adds.token).if_match("\"1\"");
    patch.json(&json!({"email": new})).send().expect(200);
    here.superuser().batch_execute("update notification.invitations set accepted_at = now()").expect("an acceptance");
    adds.looked_at();
    assert!(adds.is_invited(login));
    for email in [&old, &new] {
        problem(&here.sign_in(email, PASSWORD), 401);
    }
}

#[test]
fn a_token_whose_login_has_anothers_address_guesses_no_passwords() {
    let here = Here::with(Settings { sign_in_limit_per_login: 2, ..Settings::default() });
    let (_, victim, _) = here.organisation("free");
    let tenant = here.world.tenant("team");
    let path = tenant.path(&format!("/logins/{}", tenant.member_login));
    let etag = here.account.get(&path).token(&tenant.admin_token).send().etag();
    let patch = here.account.patch(&path).token(&tenant.admin_token).if_match(&etag);
    patch.json(&json!({"email": victim})).send().expect(200);
    problem(&here.sign_in(&victim, "a guess"), 401);
    for current in ["a guess", PASSWORD, "a guess", "a guess"] {
        let put = here.account.put("/logins/me/password").token(&tenant.member_token);
        problem(&put.json(&json!({"current": current, "new": "quite another password"})).send(), 401);
    }
    // Neither counted against the other nor forgotten.
    problem(&here.sign_in(&victim, "a guess"), 401);
    problem(&here.sign_in(&victim, "a guess"), 429);
}
