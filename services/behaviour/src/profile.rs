//! Profile: people and when they want to be told.

use serde_json::{Value, json};

use crate::assert::{keys, pages, problem, problem_at, problem_of};
use crate::http::Response;
use crate::world::{Case, Tenant, World};

/// All cases.
pub fn suite() -> Vec<Case> {
    vec![
        Case {
            name: "profiles: created, read, changed, deleted",
            run: life,
        },
        Case {
            name: "profiles: values that can't be taken are named",
            run: values,
        },
        Case {
            name: "profiles: an e-mail address is unique in its organisation",
            run: emails,
        },
        Case {
            name: "profiles: listed by the start of the name",
            run: prefixes,
        },
        Case {
            name: "profiles: pages of every size hold everybody once",
            run: paged,
        },
        Case {
            name: "profiles: members write their own alone",
            run: rights,
        },
        Case {
            name: "profiles: a stale ETag is refused before the body is judged",
            run: order,
        },
        Case {
            name: "profiles: the plan's users are the limit",
            run: limit,
        },
        Case {
            name: "profiles: a repeat with the same key is done once",
            run: idempotency,
        },
        Case {
            name: "notification settings: read and replaced",
            run: settings,
        },
        Case {
            name: "notification settings: each mode has its members",
            run: modes,
        },
    ]
}

fn new(name: &str, email: &str) -> Value {
    json!({"name": name, "jobTitle": "Analyst", "email": email, "timeZone": "Europe/Zurich"})
}

fn create(world: &World, tenant: &Tenant, body: &Value) -> Response {
    world
        .profile()
        .post(&tenant.path("/profiles"))
        .token(&tenant.admin_token)
        .json(body)
        .send()
}

fn life(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.profile());
    let created = create(world, &tenant, &new("Grace Hopper", "grace@life.example")).expect(201);
    let person = created.json();
    let members = [
        "createdAt",
        "email",
        "id",
        "jobTitle",
        "name",
        "timeZone",
        "updatedAt",
        "version",
    ];
    assert_eq!(keys(&person), members);
    assert_eq!(
        (&person["name"], &person["version"]),
        (&json!("Grace Hopper"), &json!(1))
    );
    assert_eq!(created.id().get_version_num(), 7);
    let path = tenant.path(&format!("/profiles/{}", created.id()));
    assert_eq!(
        created.header("location"),
        Some(format!("/api/v1{path}").as_str())
    );
    let read = api
        .get(&path)
        .token(&tenant.member_token)
        .send()
        .expect(200);
    assert_eq!((read.json(), read.etag()), (person.clone(), created.etag()));

    let patch =
        json!({"name": "Rear Admiral Hopper", "jobTitle": null, "timeZone": "America/New_York"});
    let changed = api
        .patch(&path)
        .token(&tenant.admin_token)
        .if_match(&read.etag())
        .json(&patch)
        .send()
        .expect(200);
    let after = changed.json();
    assert_eq!(
        (&after["name"], &after["jobTitle"]),
        (&json!("Rear Admiral Hopper"), &json!(null))
    );
    assert_eq!(
        (&after["email"], &after["version"]),
        (&person["email"], &json!(2))
    );
    assert_eq!(after["createdAt"], person["createdAt"]);
    assert_ne!(changed.etag(), read.etag());
    assert_eq!(
        api.get(&path)
            .token(&tenant.member_token)
            .send()
            .expect(200)
            .json(),
        after
    );

    let delete = |etag: &str| {
        api.delete(&path)
            .token(&tenant.admin_token)
            .if_match(etag)
            .send()
    };
    problem(&delete(&read.etag()), 412);
    assert!(delete(&changed.etag()).expect(204).body.is_empty());
    problem(&delete(&changed.etag()), 404);
    problem(&api.get(&path).token(&tenant.admin_token).send(), 404);
    problem(
        &api.get(&format!("{path}/notification-settings"))
            .token(&tenant.admin_token)
            .send(),
        404,
    );
    let left = pages(&api, &tenant.path("/profiles"), &tenant.member_token, 200);
    assert!(
        left.iter().all(|person| person["id"] != after["id"]),
        "deleted, and still in the list"
    );
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
        let patch = world
            .profile()
            .patch(&path)
            .token(&tenant.admin_token)
            .if_match("\"1\"");
        let etag = world
            .profile()
            .get(&path)
            .token(&tenant.admin_token)
            .send()
            .expect(200)
            .etag();
        let patch = if etag == "\"1\"" {
            patch
        } else {
            world
                .profile()
                .patch(&path)
                .token(&tenant.admin_token)
                .if_match(&etag)
        };
        problem_at(&patch.json(&json!({field: body[field]})).send(), 422, field);
    };
    for name in ["", "   ", " x", "x\n", "a\u{7}", &"x".repeat(201)] {
        refuse("name", json!(name));
        refuse("jobTitle", json!(name));
    }
    for email in [
        "",
        "x",
        "@",
        "a@",
        "@b",
        "a b@c",
        "a@b c",
        "a@b@c",
        &format!("{}@x.example", "x".repeat(320)),
    ] {
        refuse("email", json!(email));
    }
    for zone in [
        "",
        "Mars/Olympus",
        "europe",
        "+02:00",
        "Europe/Zurich ",
        "../etc/passwd",
    ] {
        refuse("timeZone", json!(zone));
    }
    let both = json!({"name": "", "email": "x", "timeZone": "x"});
    let errors = problem(&create(world, &tenant, &both), 422);
    assert_eq!(
        errors["errors"].as_array().map(Vec::len),
        Some(3),
        "all mistakes at once: {errors}"
    );
    for zone in ["UTC", "Asia/Kolkata", "America/Argentina/Buenos_Aires"] {
        let mut body = new(
            "Zoned",
            &format!("{}@zones.example", zone.to_lowercase().replace('/', ".")),
        );
        body["timeZone"] = json!(zone);
        create(world, &tenant, &body).expect(201);
    }
    let longest = new(&"ä".repeat(200), "longest@values.example");
    create(world, &tenant, &longest).expect(201);
}

fn emails(world: &World) {
    let (tenant, other) = (world.tenant("team"), world.tenant("team"));
    create(world, &tenant, &new("First", "same@emails.example")).expect(201);
    problem_of(
        &create(world, &tenant, &new("Second", "SAME@emails.example")),
        409,
        "email-taken",
    );
    create(world, &other, &new("Elsewhere", "same@emails.example")).expect(201);
    let second = create(world, &tenant, &new("Second", "second@emails.example")).expect(201);
    let path = tenant.path(&format!("/profiles/{}", second.id()));
    let patch = |email: &str| {
        let call = world
            .profile()
            .patch(&path)
            .token(&tenant.admin_token)
            .if_match(&second.etag());
        call.json(&json!({"email": email})).send()
    };
    problem_of(&patch("Same@Emails.example"), 409, "email-taken");
    // The case of one's own address may change.
    patch("Second@emails.example").expect(200);
}

fn prefixes(world: &World) {
    let tenant = world.tenant("team");
    for (n, name) in [
        "Åsa Öberg",
        "åse",
        "Asa",
        "100% sure",
        "100",
        "1_0",
        "Ann\\a",
    ]
    .iter()
    .enumerate()
    {
        create(world, &tenant, &new(name, &format!("{n}@prefixes.example"))).expect(201);
    }
    let found = |q: &str| {
        let path = format!("{}?q={}", tenant.path("/profiles"), crate::http::encode(q));
        let items = pages(&world.profile(), &path, &tenant.member_token, 1);
        items
            .iter()
            .map(|item| item["name"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
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
    let mut ids = vec![
        tenant.admin_profile.to_string(),
        tenant.member_profile.to_string(),
    ];
    for n in 0..7 {
        let created = create(
            world,
            &tenant,
            &new(&format!("P{n}"), &format!("{n}@paged.example")),
        )
        .expect(201);
        ids.push(created.id().to_string());
    }
    for limit in [1, 2, 3, 8, 9, 10, 200] {
        let items = pages(
            &world.profile(),
            &tenant.path("/profiles"),
            &tenant.member_token,
            limit,
        );
        let seen: Vec<_> = items
            .iter()
            .map(|item| item["id"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(
            seen[2..],
            ids[2..],
            "in the order of creation, {limit} at a time"
        );
        assert!(
            items.iter().all(|item| item["version"].is_i64()),
            "each has its version"
        );
    }
}

fn rights(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.profile());
    let path = |id: uuid::Uuid| tenant.path(&format!("/profiles/{id}"));
    let (own, others) = (path(tenant.member_profile), path(tenant.admin_profile));
    let member = &tenant.member_token;
    let etag = |path: &str| api.get(path).token(member).send().expect(200).etag();
    let rename = |path: &str, token: &str| {
        api.patch(path)
            .token(token)
            .if_match(&etag(path))
            .json(&json!({"jobTitle": "Renamed"}))
            .send()
    };
    rename(&own, member).expect(200);
    problem(&rename(&others, member), 403);
    rename(&others, &tenant.admin_token).expect(200);
    api.patch(&own)
        .token(&tenant.admin_token)
        .if_match(&etag(&own))
        .json(&json!({"jobTitle": "By admin"}))
        .send()
        .expect(200);
    problem(
        &api.delete(&own).token(member).if_match(&etag(&own)).send(),
        403,
    );
    let body = new("By a member", "member@rights.example");
    problem(
        &api.post(&tenant.path("/profiles"))
            .token(member)
            .json(&body)
            .send(),
        403,
    );
    let put = |path: &str, token: &str| {
        let settings = format!("{path}/notification-settings");
        let call = api.put(&settings).token(token).if_match(&etag(&settings));
        call.json(&json!({"mode": "daily", "at": "07:00"})).send()
    };
    put(&own, member).expect(200);
    problem(&put(&others, member), 403);
    put(&others, &tenant.admin_token).expect(200);
}

fn order(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.profile());
    let path = tenant.path(&format!("/profiles/{}", tenant.member_profile));
    let nobody = tenant.path(&format!("/profiles/{}", uuid::Uuid::now_v7()));
    let invalid = json!({"name": ""});
    let patch = |path: &str, etag: &str, body: &Value| {
        api.patch(path)
            .token(&tenant.admin_token)
            .if_match(etag)
            .json(body)
            .send()
    };
    problem(&patch(&nobody, "\"1\"", &invalid), 404);
    problem(&patch(&path, "\"999\"", &invalid), 412);
    problem(&patch(&path, "\"999\"", &json!({"unknown": 1})), 400);
    let etag = api
        .get(&path)
        .token(&tenant.admin_token)
        .send()
        .expect(200)
        .etag();
    problem(&patch(&path, &etag, &invalid), 422);
    problem(
        &api.delete(&nobody)
            .token(&tenant.admin_token)
            .if_match("\"1\"")
            .send(),
        404,
    );
}

fn limit(world: &World) {
    let tenant = world.tenant("free");
    // Three users, two of them there from the start.
    let third = create(world, &tenant, &new("Third", "third@limit.example")).expect(201);
    let refused = create(world, &tenant, &new("Fourth", "fourth@limit.example"));
    let problem = problem_of(&refused, 409, "plan-limit-reached");
    assert_eq!(
        (&problem["limit"], &problem["used"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(
        (&problem["plan"], &problem["resource"]),
        (&json!("free"), &json!("users"))
    );
    problem_at(
        &create(world, &tenant, &new("", "fourth@limit.example")),
        422,
        "name",
    );
    let path = tenant.path(&format!("/profiles/{}", third.id()));
    world
        .profile()
        .delete(&path)
        .token(&tenant.admin_token)
        .if_match(&third.etag())
        .send()
        .expect(204);
    create(world, &tenant, &new("Fourth", "fourth@limit.example")).expect(201);
    let unlimited = world.tenant("payg");
    for n in 0..5 {
        create(
            world,
            &unlimited,
            &new("Many", &format!("{n}@limit.example")),
        )
        .expect(201);
    }
}

fn idempotency(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.profile());
    let post = |key: &str, body: &Value| {
        api.post(&tenant.path("/profiles"))
            .token(&tenant.admin_token)
            .idempotency_key(key)
            .json(body)
            .send()
    };
    let body = new("Once", "once@idempotency.example");
    let first = post("a", &body).expect(201);
    let again = post("a", &body).expect(201);
    assert_eq!((first.json(), first.etag()), (again.json(), again.etag()));
    assert_eq!(first.header("location"), again.header("location"));
    problem(&post("a", &new("Twice", "twice@idempotency.example")), 422);
    // A refusal isn't kept.
    problem(&post("b", &new("", "b@idempotency.example")), 422);
    post("b", &new("Now", "b@idempotency.example")).expect(201);
    for key in ["", "a b", "ä", &"x".repeat(129)] {
        problem(&post(key, &body), 400);
    }
    let concurrent = new("Both", "both@idempotency.example");
    let ids: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| post("c", &concurrent).expect(201).id()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("the same answer"))
            .collect()
    });
    assert!(
        ids.windows(2).all(|pair| pair[0] == pair[1]),
        "done more than once: {ids:?}"
    );
}

fn settings(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.profile());
    let person = tenant.path(&format!("/profiles/{}", tenant.member_profile));
    let path = format!("{person}/notification-settings");
    let first = api
        .get(&path)
        .token(&tenant.member_token)
        .send()
        .expect(200);
    assert_eq!(
        first.json()["mode"],
        "instant",
        "told at once, until said otherwise"
    );
    let before = api
        .get(&person)
        .token(&tenant.member_token)
        .send()
        .expect(200)
        .etag();
    let mut etag = first.etag();
    let bodies = [
        json!({"mode": "daily", "at": "17:30"}),
        json!({"mode": "weekly", "day": "monday", "at": "09:00"}),
        json!({"mode": "weekly", "day": "sunday", "at": "23:59"}),
        json!({"mode": "daily", "at": "00:00"}),
        json!({"mode": "instant"}),
    ];
    for body in bodies {
        let put = |etag: &str| {
            api.put(&path)
                .token(&tenant.member_token)
                .if_match(etag)
                .json(&body)
                .send()
        };
        let answer = put(&etag).expect(200);
        problem(&put(&etag), 412);
        let mut said = answer.json();
        let members = said.as_object_mut().expect("settings are an object");
        members.retain(|key, _| key != "version" && key != "updatedAt");
        assert_eq!(said, body);
        etag = answer.etag();
        let read = api.get(&path).token(&tenant.admin_token).send().expect(200);
        assert_eq!((read.json(), read.etag()), (answer.json(), etag.clone()));
        assert_eq!(
            put(&etag).expect(200).etag(),
            etag,
            "the same again is no change"
        );
    }
    let after = api
        .get(&person)
        .token(&tenant.member_token)
        .send()
        .expect(200)
        .etag();
    assert_eq!(before, after, "an ETag of its own");
}

fn modes(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.profile());
    let path = tenant.path(&format!(
        "/profiles/{}/notification-settings",
        tenant.member_profile
    ));
    let etag = api
        .get(&path)
        .token(&tenant.member_token)
        .send()
        .expect(200)
        .etag();
    let table = [
        (json!({"mode": "instant", "at": "09:00"}), "at"),
        (json!({"mode": "instant", "day": "monday"}), "day"),
        (json!({"mode": "daily"}), "at"),
        (
            json!({"mode": "daily", "at": "09:00", "day": "monday"}),
            "day",
        ),
        (json!({"mode": "weekly", "at": "09:00"}), "day"),
        (json!({"mode": "weekly", "day": "monday"}), "at"),
        (json!({"mode": "daily", "at": "24:00"}), "at"),
        (json!({"mode": "daily", "at": "9:00"}), "at"),
        (json!({"mode": "daily", "at": "09:60"}), "at"),
        (json!({"mode": "daily", "at": "09:00:00"}), "at"),
        (json!({"mode": "daily", "at": "9:5 p"}), "at"),
        (
            json!({"mode": "weekly", "day": "Monday", "at": "09:00"}),
            "day",
        ),
        (
            json!({"mode": "weekly", "day": "funday", "at": "09:00"}),
            "day",
        ),
        (json!({"mode": "hourly"}), "mode"),
    ];
    for (body, field) in table {
        let answer = api
            .put(&path)
            .token(&tenant.member_token)
            .if_match(&etag)
            .json(&body)
            .send();
        problem_at(&answer, 422, field);
    }
    problem_at(
        &api.put(&path)
            .token(&tenant.member_token)
            .if_match(&etag)
            .json(&json!({}))
            .send(),
        400,
        "mode",
    );
    assert_eq!(
        api.get(&path)
            .token(&tenant.member_token)
            .send()
            .expect(200)
            .etag(),
        etag,
        "nothing was taken"
    );
}
