//! Who is told what of logins, people, organisations and money; and what concerns nobody.

use behaviour::json;
use uuid::Uuid;

use crate::here::{Change, Here, until};
use crate::kinds::{org, read};

#[test]
fn billing_goes_to_every_admin_and_passwords_to_their_login_at_once() {
    let here = Here::new();
    let org = org(&here);
    for person in [org.admin, org.other_admin, org.member] {
        here.set_schedule(org.id, person.profile, "weekly sunday 03:00", "UTC");
    }
    let billing = [
        "UpcomingPayment",
        "InvoicePaid",
        "PaymentFailed",
        "PaymentOverdue",
        "OrganisationFrozen",
        "OrganisationUnfrozen",
    ];
    for kind in billing {
        let after = json!({"period": "2026-10", "amountCents": 4900, "currency": "EUR", "status": "open"});
        here.change(&Change::new("billing", kind, org.id, Uuid::now_v7()).to(after));
    }
    let plan = Change::new("account", "SubscriptionPlanModified", org.id, org.id);
    here.change(&plan.by(org.admin.login).from(json!({"plan": "team"})).to(json!({"plan": "enterprise"})));
    let password = |actor: Uuid| Change::new("account", "PasswordModified", org.id, org.member.login).by(actor);
    here.change(&password(org.member.login).to(json!({"passwordExpiresAt": "2027-01-01T00:00:00Z"})));
    here.change(&password(org.admin.login).to(json!({"passwordExpiresAt": "2027-01-01T00:00:00Z"})));
    let gone = json!({"email": "gone@logins.example", "scope": "member", "profileId": null});
    here.change(&Change::new("account", "LoginDeleted", org.id, Uuid::now_v7()).by(org.admin.login).from(gone));
    let _service = read(&here);
    let titles = here.told(org.other_admin.login);
    let upcoming = "upcomingPayment: Upcoming payment for 2026-10 (49.00 EUR)".to_owned();
    assert!(titles.contains(&upcoming), "{titles:?}");
    assert_eq!(titles.len(), 7, "{titles:?}");
    assert_eq!(here.told(org.admin.login).len(), 6, "not of the plan that she changed");
    assert_eq!(
        here.told(org.member.login),
        ["passwordModified: Your password was changed"],
        "by the admin, not by himself"
    );
    let arrived = here.sink.wait_for(crate::here::PATIENCE, |mails| mails.len() == 7 + 6 + 1 + 1);
    assert!(arrived, "at once, whatever the settings: {}", here.sink.mails().len());
    assert_eq!(here.sink.mails_to("gone@logins.example").len(), 1);
}

#[test]
fn a_profile_changed_by_somebody_else_and_one_that_is_deleted() {
    let here = Here::new();
    let org = org(&here);
    let (him, himself) = (org.member.profile, org.member.login);
    here.set_schedule(org.id, him, "daily 00:00", "UTC");
    let change = |kind| Change::new("profile", kind, org.id, him);
    let to = |title: &str| json!({"name": "Mel", "jobTitle": title, "email": "mel@people.example"});
    here.change(&change("ProfileModified").by(himself).from(to("a")).to(to("b")));
    here.change(&change("ProfileModified").by(org.admin.login).from(to("b")).to(to("c")));
    here.change(
        &change("NotificationSettingsModified")
            .by(org.admin.login)
            .from(json!({"mode": "instant"}))
            .to(json!({"mode": "daily"})),
    );
    let service = here.start();
    until("all read", || here.all_read());
    assert_eq!(
        here.told(him),
        [
            "profileModified: Your profile was changed",
            "notificationSettingsModified: Your notification settings were changed"
        ]
    );
    assert_eq!(here.count("select count(*) from notification.notifications where pending"), 2);
    here.run(
        "profile_writer",
        &format!(
            "update profile.profiles set name = null, job_title = null, email = null, time_zone = null, deleted_at = now() \
             where id = '{him}'"
        ),
    );
    here.change(&change("ProfileDeleted").by(org.admin.login));
    until("all read", || here.all_read());
    assert_eq!(here.told(him), Vec::<String>::new(), "what told of the person went with it");
    drop(service);
}

/// A change of the plan table belongs to nobody, and one that isn't known does no harm.
#[test]
fn kinds_that_concern_nobody_are_passed_over() {
    let here = Here::new();
    let org = org(&here);
    for kind in ["WatchCreated", "WatchEnded", "SomethingNew", "DomainCreated"] {
        here.change(&Change::new("registry", kind, org.id, Uuid::now_v7()).to(json!({"name": "x"})));
    }
    here.change(&Change::new("registry", "ApiModified", org.id, "no-uuid").to(json!("no object")));
    here.run(
        "account_writer",
        "insert into account.changes (at, kind, entity_id, version, request_id) values (now(), 'PlanModified', 'team', 2, 'r')",
    );
    let _service = read(&here);
    assert_eq!(here.count("select count(*) from notification.notifications"), 0);
}
