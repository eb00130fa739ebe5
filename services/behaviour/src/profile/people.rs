//! What a person is made of, and how people are listed.

use serde_json::{Value, json};

use crate::assert::{has_members, pages, problem, problem_at, problem_of};
use crate::http::{Response, encode};
use crate::world::{Case, Tenant, World};

pub(super) const CASES: &[Case] = &[
    Case { name: "profiles: created, read, changed, deleted", run: life },
    Case { name: "profiles: values that can't be taken are named", run: values },
    Case { name: "profiles: an e-mail address is unique in its organisation", run: emails },
    Case { name: "profiles: names and addresses are the same, however their accents are coded", run: coded },
    Case { name: "profiles: an address is one, however its domain is written, and can be mailed to", run: domains },
    Case { name: "profiles: listed by the start of the name", run: prefixes },
    Case { name: "profiles: pages of every size hold everybody once", run: paged },
];

pub(super) fn new(name: &str, email: &str) -> Value {
    json!({"name": name, "jobTitle": "Analyst", "email": email, "timeZone": "Europe/Zurich"})
}

pub(super) fn create(world: &World, tenant: &Tenant, body: &Value) -> Response {
    world.profile().post(&tenant.path("/profiles")).token(&tenant.admin_token).json(body).send()
}

fn life(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.profile());
    let created = create(world, &tenant, &new("Grace Hopper", "grace@life.example")).expect(201);
    let person = created.json();
    let members = ["createdAt", "email", "id", "jobTitle", "name", "timeZone", "updatedAt", "version"];
    has_members(&person, &members);
    assert_eq!((&person["name"], &person["version"]), (&json!("Grace Hopper"), &json!(1)));
    assert_eq!(created.id().get_version_num(), 7);
    let path = tenant.path(&format!("/profiles/{}", created.id()));
    assert_eq!(created.header("location"), Some(format!("/api/v1{path}").as_str()));
    let read = api.get(&path).token(&tenant.member_token).send().expect(200);
    assert_eq!((read.json(), read.etag()), (person.clone(), created.etag()));

    let patch = json!({"name": "Rear Admiral Hopper", "jobTitle": null, "timeZone": "America/New_York"});
    let changed = api.patch(&path).token(&tenant.admin_token).if_match(&read.etag()).json(&patch).send().expect(200);
    let after = changed.json();
    assert_eq!((&after["name"], &after["jobTitle"]), (&json!("Rear Admiral Hopper"), &json!(null)));
    assert_eq!((&after["email"], &after["version"]), (&person["email"], &json!(2)));
    assert_eq!(after["createdAt"], person["createdAt"]);
    assert_ne!(changed.etag(), read.etag());
    assert_eq!(api.get(&path).token(&tenant.member_token).send().expect(200).json(), after);

    let delete = |etag: &str| api.delete(&path).token(&tenant.admin_token).if_match(etag).send();
    problem(&delete(&read.etag()), 412);
    assert!(delete(&changed.etag()).expect(204).body.is_empty());
    problem(&delete(&changed.etag()), 404);
    problem(&api.get(&path).token(&tenant.admin_token).send(), 404);
    problem(&api.get(&format!("{path}/notification-settings")).token(&tenant.admin_token).send(), 404);
    let left = pages(&api, &tenant.path("/profiles"), &tenant.member_token, 200);
    assert!(left.iter().all(|person| person["id"] != after["id"]), "deleted, and still in the list");
    // The address is free again, and so is the place.
    create(world, &tenant, &new("Another", "grace@life.example")).expect(201);
}

fn values(world: &World) {
    let tenant = world.tenant("team");
    let refuse = |field: &str, value: Value| {
        let mut body = new("Somebody", "somebody@values.example");
        body[field] = value;
        problem_at(&create(world, &tenant, &body), 422, field);
        let path = tenant.path(&format!("/profiles/{}", tenant.admin_profile));
        let patch = world.profile().patch(&path).token(&tenant.admin_token).if_match("\"1\"");
        let etag = world.profile().get(&path).token(&tenant.admin_token).send().expect(200).etag();
        let patch = if etag == "\"1\"" {
            patch
        } else {
            world.profile().patch(&path).token(&tenant.admin_token).if_match(&etag)
        };
        problem_at(&patch.json(&json!({field: body[field]})).send(), 422, field);
    };
    for name in ["", "   ", " x", "x\n", "a\u{7}", &"x".repeat(201)] {
        refuse("name", json!(name));
        refuse("jobTitle", json!(name));
    }
    for email in ["", "x", "@", "a@", "@b", "a b@c", "a@b c", "a@b@c", &format!("{}@x.example", "x".repeat(320))] {
        refuse("email", json!(email));
    }
    for zone in ["", "Mars/Olympus", "europe", "+02:00", "Europe/Zurich ", "../etc/passwd"] {
        refuse("timeZone", json!(zone));
    }
    let both = json!({"name": "", "email": "x", "timeZone": "x"});
    let errors = problem(&create(world, &tenant, &both), 422);
    assert_eq!(errors["errors"].as_array().map(Vec::len), Some(3), "all mistakes at once: {errors}");
    for zone in ["UTC", "Asia/Kolkata", "America/Argentina/Buenos_Aires"] {
        let mut body = new("Zoned", &format!("{}@zones.example", zone.to_lowercase().replace('/', ".")));
        body["timeZone"] = json!(zone);
        create(world, &tenant, &body).expect(201);
    }
    let longest = new(&"ä".repeat(200), "longest@values.example");
    create(world, &tenant, &longest).expect(201);
}

fn emails(world: &World) {
    let (tenant, other) = (world.tenant("team"), world.tenant("team"));
    create(world, &tenant, &new("First", "same@emails.example")).expect(201);
    problem_of(&create(world, &tenant, &new("Second", "SAME@emails.example")), 409, "email-taken");
    create(world, &other, &new("Elsewhere", "same@emails.example")).expect(201);
    let second = create(world, &tenant, &new("Second", "second@emails.example")).expect(201);
    let path = tenant.path(&format!("/profiles/{}", second.id()));
    let patch = |email: &str| {
        let call = world.profile().patch(&path).token(&tenant.admin_token).if_match(&second.etag());
        call.json(&json!({"email": email})).send()
    };
    problem_of(&patch("Same@Emails.example"), 409, "email-taken");
    // The case of one's own address may change.
    patch("Second@emails.example").expect(200);
}

fn coded(world: &World) {
    let tenant = world.tenant("team");
    let made = create(world, &tenant, &new("Zoe\u{308}", "zo\u{eb}@coded.example")).expect(201);
    assert_eq!(made.json()["name"], "Zo\u{eb}");
    problem_of(&create(world, &tenant, &new("Other", "zoe\u{308}@coded.example")), 409, "email-taken");
    for q in ["zo\u{eb}", "ZOE\u{308}"] {
        let found = world.profile().get(&tenant.path("/profiles")).query("q", q).token(&tenant.member_token).send();
        assert_eq!(found.expect(200).json()["items"], json!([made.json()]), "{q}");
    }
}

fn domains(world: &World) {
    let tenant = world.tenant("team");
    let ascii = "a@xn--mller-kva.example";
    let made = create(world, &tenant, &new("Unicode", "a@m\u{fc}ller.example")).expect(201);
    assert_eq!(made.json()["email"], ascii);
    for other in [ascii, "a@mu\u{308}ller.example", "A@M\u{dc}LLER.example", "a@XN--MLLER-KVA.example"] {
        problem_of(&create(world, &tenant, &new("The same", other)), 409, "email-taken");
    }
    for unmailable in ["e\u{1f642}@x.example", "i\u{20ac}@x.example", "a\u{200b}@x.example", "a@x\u{200b}.example"] {
        problem_at(&create(world, &tenant, &new("Nobody", unmailable)), 422, "email");
    }
}

fn prefixes(world: &World) {
    let tenant = world.tenant("team");
    for (n, name) in ["Åsa Öberg", "åse", "Asa", "100% sure", "100", "1_0", "Ann\\a"].iter().enumerate() {
        create(world, &tenant, &new(name, &format!("{n}@prefixes.example"))).expect(201);
    }
    let found = |q: &str| {
        let path = format!("{}?q={}", tenant.path("/profiles"), encode(q));
        let items = pages(&world.profile(), &path, &tenant.member_token, 1);
        items.iter().map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("ås"), ["Åsa Öberg", "åse"]);
    assert_eq!(found("ÅSA ö"), ["Åsa Öberg"]);
    assert_eq!(found("as"), ["Asa"]);
    assert_eq!(found("100%"), ["100% sure"], "no wildcard");
    assert_eq!(found("1_"), ["1_0"], "no wildcard");
    assert_eq!(found("ann\\"), ["Ann\\a"]);
    assert_eq!(found("berg"), Vec::<String>::new(), "the start alone");
}

fn paged(world: &World) {
    let tenant = world.tenant("team");
    let mut ids = vec![tenant.admin_profile.to_string(), tenant.member_profile.to_string()];
    for n in 0..7 {
        let created = create(world, &tenant, &new(&format!("P{n}"), &format!("{n}@paged.example"))).expect(201);
        ids.push(created.id().to_string());
    }
    for limit in [1, 2, 3, 8, 9, 10, 200] {
        let items = pages(&world.profile(), &tenant.path("/profiles"), &tenant.member_token, limit);
        let seen: Vec<_> = items.iter().map(|item| item["id"].as_str().unwrap_or_default()).collect();
        assert_eq!(seen[2..], ids[2..], "in the order of creation, {limit} at a time");
        assert!(items.iter().all(|item| item["version"].is_i64()), "each has its version");
    }
}
