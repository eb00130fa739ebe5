//! Who is told what: every kind of change, its recipients and its words.

use behaviour::json;
use chrono::{TimeDelta, Utc};
use uuid::Uuid;

use crate::here::{Change, Here, Person, until};

pub struct Org {
    pub id: Uuid,
    pub admin: Person,
    pub other_admin: Person,
    pub member: Person,
}

pub fn org(here: &Here) -> Org {
    let id = here.organisation();
    Org {
        id,
        admin: here.person(id, "admin"),
        other_admin: here.person(id, "admin"),
        member: here.person(id, "member"),
    }
}

/// Reads everything; the service goes on sending as long as the value lives.
pub fn read(here: &Here) -> kit::testing::Running {
    let service = here.start();
    until("all read", || here.all_read());
    service
}

#[test]
fn watchers_of_an_api_its_sub_domain_and_its_domain_are_told_what_changed() {
    let here = Here::new();
    let org = org(&here);
    let [domain, sub, other_domain, other_sub, api] = std::array::from_fn(|_| Uuid::now_v7());
    let watcher = |kind: &str, target: Uuid| {
        let person = here.person(org.id, "member");
        here.watch(org.id, person.profile, kind, target);
        person.profile
    };
    let of_api = watcher("api", api);
    let of_sub = watcher("subDomain", sub);
    let of_domain = watcher("domain", domain);
    let of_other_sub = watcher("subDomain", other_sub);
    let of_other_domain = watcher("domain", other_domain);
    let of_both = watcher("domain", domain);
    here.watch(org.id, of_both, "domain", other_domain);
    here.watch(org.id, of_both, "api", Uuid::now_v7());
    // The doer watches too, and so does somebody of another organisation by the same ids.
    here.watch(org.id, org.admin.profile, "api", api);
    let stranger = here.organisation();
    let stranger_person = here.person(stranger, "member");
    here.watch(stranger, stranger_person.profile, "api", api);

    let place = |domain: Uuid, sub: Uuid| json!({"domainId": domain, "subDomainId": sub});
    let entity = |name: &str, at: (Uuid, Uuid)| {
        let mut entity = json!({"name": name, "title": null, "businessOwnerId": null, "versions": []});
        entity["domainId"] = json!(at.0);
        entity["subDomainId"] = json!(at.1);
        entity
    };
    let by_admin = |kind, entity: Uuid| Change::new("registry", kind, org.id, entity).by(org.admin.login);
    for (id, name) in [(domain, "Sales"), (other_domain, "Finance")] {
        here.change(&by_admin("DomainCreated", id).to(json!({"name": name, "domainId": id})));
    }
    for (id, domain, name) in [(sub, domain, "Orders"), (other_sub, other_domain, "Bills")] {
        let mut after = place(domain, id);
        after["name"] = json!(name);
        here.change(&by_admin("SubDomainCreated", id).to(after));
    }
    let (here_place, there) = ((domain, sub), (other_domain, other_sub));
    here.change(&by_admin("ApiCreated", api).to(entity("cart", here_place)));
    let mut owned = entity("basket", here_place);
    owned["businessOwnerId"] = json!(org.member.profile);
    here.change(&by_admin("ApiModified", api).from(entity("cart", here_place)).to(owned));
    let version = |status: &str| {
        let mut version = place(domain, sub);
        for (key, value) in
            [("name", json!("basket")), ("major", json!(1)), ("minor", json!(2)), ("status", json!(status))]
        {
            version[key] = value;
        }
        version
    };
    here.change(&by_admin("VersionStatusModified", api).from(version("qa")).to(version("production")));
    here.change(&by_admin("ApiMoved", api).from(entity("basket", here_place)).to(entity("basket", there)));
    here.change(&by_admin("ApiDeleted", api).from(entity("basket", there)));
    let _service = read(&here);

    let common = [
        "apiAdded: API cart was added to Sales / Orders",
        "apiModified: API cart was changed",
        "versionStatusModified: Version 1.2 of API basket is now production",
    ];
    let moved = "apiMoved: API basket was moved to Finance / Bills";
    let removed = "apiRemoved: API basket was removed from Sales / Orders";
    let added = "apiAdded: API basket was added to Finance / Bills";
    let gone = "apiRemoved: API basket was removed from Finance / Bills: it was deleted";
    let sub_added = "subDomainAdded: Sub domain Orders was added to Sales";
    let bills_added = "subDomainAdded: Sub domain Bills was added to Finance";
    let told = |expected: &[&[&str]]| expected.concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(here.told(of_api), told(&[&common, &[moved, "apiDeleted: API basket was deleted"]]));
    assert_eq!(here.told(of_sub), told(&[&[sub_added], &common, &[removed]]));
    assert_eq!(here.told(of_domain), told(&[&[sub_added], &common, &[removed]]));
    assert_eq!(here.told(of_other_sub), told(&[&[bills_added, added, gone]]));
    assert_eq!(here.told(of_other_domain), told(&[&[bills_added, added, gone]]));
    assert_eq!(here.told(of_both), told(&[&[sub_added, bills_added], &common, &[moved, gone]]));
    assert_eq!(here.told(org.admin.profile), Vec::<String>::new(), "of one's own doing");
    assert_eq!(here.told(stranger_person.profile), Vec::<String>::new(), "of another organisation");

    let bodies = here.lines(&format!(
        "select body as line from notification.notifications where profile_id = '{of_api}' and kind in \
         ('apiModified', 'versionStatusModified') order by created_at"
    ));
    let name = here.lines(&format!("select name as line from profile.profiles where id = '{}'", org.member.profile));
    let admin = here.lines(&format!("select name as line from profile.profiles where id = '{}'", org.admin.profile));
    let owner = format!("business owner: none → {}", name[0]);
    let lines: Vec<_> = bodies[0].lines().collect();
    for line in ["name: cart → basket", owner.as_str(), "in: Sales / Orders", &format!("Changed by {}.", admin[0])] {
        assert!(lines.contains(&line), "{line}: {lines:?}");
    }
    assert!(bodies[1].contains("status: qa → production"), "{}", bodies[1]);
    let mail = here.sink.wait_for(crate::here::PATIENCE, |mails| {
        mails
            .iter()
            .any(|mail| mail.to == [format!("{of_api}@people.example")] && mail.subject() == "API cart was changed")
    });
    assert!(mail, "the mail says it too");
}

#[test]
fn of_watches_without_positions_those_count_that_were_open_at_the_time() {
    let here = Here::new();
    let org = org(&here);
    let api = Uuid::now_v7();
    let then = Utc::now() - TimeDelta::hours(1);
    let minute = TimeDelta::minutes(1);
    let watcher = |from, until| {
        let person = here.person(org.id, "member").profile;
        here.old_watch(org.id, person, "api", api, from, until);
        person
    };
    let open = watcher(then - minute, None);
    let ended_later = watcher(then - minute, Some(then + minute));
    let ended_with_it = watcher(then - minute, Some(then));
    let ended_before = watcher(then - minute * 2, Some(then - minute));
    let begun_later = watcher(then + minute, None);
    here.change(&Change::new("registry", "ApiDeleted", org.id, api).from(json!({"name": "cart"})).at(then));
    let _service = read(&here);
    for (who, expected) in [(open, 1), (ended_later, 1), (ended_with_it, 1), (ended_before, 0), (begun_later, 0)] {
        assert_eq!(here.told(who).len(), expected);
    }
}

#[test]
fn domains_and_sub_domains_themselves() {
    let here = Here::new();
    let org = org(&here);
    let [domain, other, sub] = std::array::from_fn(|_| Uuid::now_v7());
    let watcher = |kind: &str, target: Uuid| {
        let person = here.person(org.id, "member").profile;
        here.watch(org.id, person, kind, target);
        person
    };
    let (of_domain, of_other, of_sub) =
        (watcher("domain", domain), watcher("domain", other), watcher("subDomain", sub));
    let change = |kind, entity: Uuid| Change::new("registry", kind, org.id, entity);
    let named = |name: &str, domain: Uuid| json!({"name": name, "description": null, "domainId": domain});
    let sub_named = |name: &str, domain: Uuid| json!({"name": name, "domainId": domain, "subDomainId": sub});
    here.change(&change("DomainCreated", domain).to(named("Sales", domain)));
    here.change(&change("DomainCreated", other).to(named("Finance", other)));
    here.change(&change("DomainModified", domain).version(2).from(named("Sales", domain)).to(named("Shop", domain)));
    here.change(&change("SubDomainCreated", sub).to(sub_named("Orders", domain)));
    here.change(&change("SubDomainMoved", sub).from(sub_named("Orders", domain)).to(sub_named("Orders", other)));
    here.change(&change("SubDomainDeleted", sub).from(sub_named("Orders", other)));
    here.change(&change("DomainDeleted", domain).from(named("Shop", domain)));
    let _service = read(&here);
    assert_eq!(
        here.told(of_domain),
        [
            "domainModified: Domain Sales was changed",
            "subDomainAdded: Sub domain Orders was added to Shop",
            "subDomainRemoved: Sub domain Orders, with all its APIs, was removed from Shop",
            "domainDeleted: Domain Shop was deleted",
        ]
    );
    assert_eq!(
        here.told(of_other),
        [
            "subDomainAdded: Sub domain Orders, with all its APIs, was added to Finance",
            "subDomainRemoved: Sub domain Orders was removed from Finance: it was deleted",
        ]
    );
    assert_eq!(
        here.told(of_sub),
        [
            "subDomainAdded: Sub domain Orders was added to Shop",
            "subDomainMoved: Sub domain Orders, with all its APIs, was moved to Finance",
            "subDomainDeleted: Sub domain Orders was deleted",
        ]
    );
}
