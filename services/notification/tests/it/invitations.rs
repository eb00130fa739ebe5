//! Logins that were added: the one mail to their address, and what its link accepts.

use std::thread;

use behaviour::{Value, World, json};
use chrono::{TimeDelta, Utc};
use uuid::Uuid;

use crate::confirm::{look, press, token};
use crate::here::{Change, Here, until};

/// A login that was added, and not accepted yet.
struct Invited {
    org: Uuid,
    login: Uuid,
    invitation: Uuid,
    email: String,
}

impl Invited {
    fn new(here: &Here, email: &str) -> Self {
        let org = here.organisation();
        let (login, invitation) = (here.stranger(org, "admin").login, Uuid::now_v7());
        let one = Self { org, login, invitation, email: email.to_owned() };
        here.run(
            "account_writer",
            &format!(
                "update account.logins set email = '{email}', invitation_id = '{invitation}' where id = '{login}'"
            ),
        );
        here.change(&one.changed("LoginCreated").to(one.keys("admin")));
        one
    }

    fn keys(&self, scope: &str) -> Value {
        json!({"email": self.email, "scope": scope, "invitationId": self.invitation})
    }

    fn changed(&self, kind: &'static str) -> Change {
        Change::new("account", kind, self.org, self.login)
    }

    /// The link of the mail, when it comes.
    fn link(&self, here: &Here) -> String {
        until("the invitation comes", || !here.sink.mails_to(&self.email).is_empty());
        token(&here.sink.mails_to(&self.email)[0])
    }

    fn is_accepted(&self, here: &Here) -> bool {
        let accepted =
            format!("select count(*) from published.accepted_invitations where invitation_id = '{}'", self.invitation);
        here.count(&accepted) == 1
    }
}

/// All that may be sent has been.
fn settled(here: &Here) {
    until("settled", || {
        here.all_read() && here.count("select count(*) from notification.deliveries where status = 'waiting'") == 0
    });
}

fn started() -> (Here, kit::testing::Running, World) {
    let here = Here::new();
    let service = here.start();
    let world = here.world(&service.url);
    (here, service, world)
}

#[test]
fn a_login_is_accepted_by_the_owner_of_its_address_who_gets_one_mail_before() {
    let (here, _service, world) = started();
    let one = Invited::new(&here, "ada@invited.example");
    let link = one.link(&here);
    // Read again, and whatever else is done with the login.
    here.change(&one.changed("LoginCreated").to(one.keys("admin")));
    here.change(&one.changed("LoginModified").from(one.keys("admin")).to(one.keys("member")));
    here.change(&one.changed("PasswordModified").to(json!({"passwordExpiresAt": "2027-01-01T00:00:00Z"})));
    here.change(&one.changed("LoginDeleted").from(one.keys("member")));
    let invoice = json!({"period": "2026-10", "amountCents": 4900, "currency": "EUR", "status": "open"});
    here.change(&Change::new("billing", "InvoicePaid", one.org, Uuid::now_v7()).to(invoice));
    settled(&here);
    let mails = here.sink.mails_to(&one.email);
    assert_eq!((mails.len(), mails[0].subject()), (1, "Accept your login"));
    assert!(!String::from_utf8_lossy(&mails[0].raw).contains("Org "), "nothing of the organisation");
    assert_eq!(here.told(one.login), Vec::<String>::new());
    assert_eq!(here.count("select count(*) from notification.deliveries where status = 'held'"), 0);

    let page = look(&world, &link, 200);
    assert!(page.contains("Org ") && page.contains("<button>"), "{page}");
    assert!(!one.is_accepted(&here), "looking accepts nothing");
    for _ in 0..2 {
        press(&world, &link, 200);
        assert!(one.is_accepted(&here));
    }
    assert!(!look(&world, &link, 200).contains("<button>"));

    // What Account writes then.
    here.run("account_writer", &format!("update account.logins set invitation_id = null where id = '{}'", one.login));
    let now = json!({"email": one.email, "scope": "member", "invitationId": null});
    here.change(&one.changed("LoginModified").from(one.keys("member")).to(now));
    until("what was made is told", || here.sink.mails_to(&one.email).len() == 2);
    assert_eq!(here.told(one.login), ["loginCreated: A login was made for you"]);
}

#[test]
fn logins_that_were_added_and_deleted_keep_no_mailbox_from_an_invitation() {
    let here = Here::new();
    for n in 0..3 {
        let gone = Invited::new(&here, &format!("grace+{n}@invited.example"));
        here.run("account_writer", &format!("delete from account.logins where id = '{}'", gone.login));
    }
    let one = Invited::new(&here, "grace@invited.example");
    let _service = here.start();
    one.link(&here);
    assert_eq!(here.sink.mails_to("grace+0@invited.example").len(), 0);
}

#[test]
fn whoever_signs_in_elsewhere_with_the_address_is_told_and_keeps_their_login() {
    let (here, _service, world) = started();
    let other = here.organisation();
    let owner = here.stranger(other, "member").login;
    here.run(
        "account_writer",
        &format!("update account.logins set email = 'Ada@Invited.example' where id = '{owner}'"),
    );
    let one = Invited::new(&here, "ada@invited.example");
    let link = one.link(&here);
    assert!(look(&world, &link, 200).contains("<button>"));
    press(&world, &link, 409);
    assert!(!one.is_accepted(&here));
    here.run("account_writer", &format!("delete from account.logins where id = '{owner}'"));
    press(&world, &link, 200);
    assert!(one.is_accepted(&here));
}

#[test]
fn of_two_invitations_of_an_address_accepted_at_once_one_is() {
    let (here, _service, world) = started();
    let first = Invited::new(&here, "ada@invited.example");
    first.link(&here);
    let second = Invited::new(&here, "ada@invited.example");
    settled(&here);
    assert_eq!(here.sink.mails_to(&first.email).len(), 1, "the second one waits until tomorrow");
    here.set_clock(Utc::now() + TimeDelta::hours(25));
    until("it comes", || here.sink.mails_to(&first.email).len() == 2);
    let links: Vec<_> = here.sink.mails_to(&first.email).iter().map(token).collect();
    let answers = thread::scope(|scope| {
        let press = |link| world.notification().post(&format!("/confirmations/{link}")).send().status;
        let all: Vec<_> = links.iter().map(|link| scope.spawn(move || press(link))).collect();
        let mut all: Vec<_> = all.into_iter().map(|one| one.join().unwrap()).collect();
        all.sort_unstable();
        all
    });
    assert_eq!(answers, [200, 409]);
    assert!(first.is_accepted(&here) != second.is_accepted(&here));
}

#[test]
fn who_is_invited_again_and_again_gets_three_mails_in_a_month() {
    let (here, _service, _world) = started();
    let one = Invited::new(&here, "ada@invited.example");
    one.link(&here);
    for day in 1..=5 {
        let again = Invited { invitation: Uuid::now_v7(), email: one.email.clone(), ..one };
        let renew =
            format!("update account.logins set invitation_id = '{}' where id = '{}'", again.invitation, one.login);
        here.run("account_writer", &renew);
        here.change(&again.changed("LoginCreated").to(again.keys("admin")));
        here.set_clock(Utc::now() + TimeDelta::hours(25 * day));
        let decided = format!(
            "select count(*) from notification.deliveries where id = '{}' and status in ('sent', 'failed')",
            again.invitation
        );
        until("it was sent or given up", || here.count(&decided) == 1);
    }
    assert_eq!(here.sink.mails_to(&one.email).len(), 3);
}

#[test]
fn an_invitation_ends_after_a_week_and_with_its_login() {
    let (here, _service, world) = started();
    let [old, gone] = ["old@invited.example", "gone@invited.example"].map(|email| Invited::new(&here, email));
    let (old_link, gone_link) = (old.link(&here), gone.link(&here));
    let late = Invited::new(&here, "gone@invited.example");
    settled(&here);
    for one in [&gone, &late] {
        here.run("account_writer", &format!("delete from account.logins where id = '{}'", one.login));
    }
    press(&world, &gone_link, 404);
    look(&world, &gone_link, 404);
    here.set_clock(Utc::now() + TimeDelta::days(8));
    until("it ends", || world.notification().get(&format!("/confirmations/{old_link}")).send().status == 410);
    press(&world, &old_link, 410);
    let given_up =
        format!("select count(*) from notification.deliveries where id = '{}' and status = 'failed'", late.invitation);
    until("it isn't sent", || here.count(&given_up) == 1);
    assert_eq!(here.sink.mails_to(&gone.email).len(), 1);
    assert!([&old, &gone, &late].iter().all(|one| !one.is_accepted(&here)));
}
