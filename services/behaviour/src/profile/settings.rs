//! Notification settings.

use serde_json::json;

use crate::assert::{problem, problem_at};
use crate::world::{Case, World};

pub(super) const CASES: &[Case] = &[
    Case { name: "notification settings: read and replaced", run: settings },
    Case { name: "notification settings: each mode has its members", run: modes },
];

fn settings(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.profile());
    let person = tenant.path(&format!("/profiles/{}", tenant.member_profile));
    let path = format!("{person}/notification-settings");
    let first = api.get(&path).token(&tenant.member_token).send().expect(200);
    assert_eq!(first.json()["mode"], "instant", "told at once, until said otherwise");
    let before = api.get(&person).token(&tenant.member_token).send().expect(200).etag();
    let mut etag = first.etag();
    let bodies = [
        json!({"mode": "daily", "at": "17:30"}),
        json!({"mode": "weekly", "day": "monday", "at": "09:00"}),
        json!({"mode": "weekly", "day": "sunday", "at": "23:59"}),
        json!({"mode": "daily", "at": "00:00"}),
        json!({"mode": "instant"}),
    ];
    for body in bodies {
        let put = |etag: &str| api.put(&path).token(&tenant.member_token).if_match(etag).json(&body).send();
        let answer = put(&etag).expect(200);
        problem(&put(&etag), 412);
        let mut said = answer.json();
        let members = said.as_object_mut().expect("settings are an object");
        members.retain(|key, _| key != "version" && key != "updatedAt");
        assert_eq!(said, body);
        etag = answer.etag();
        let read = api.get(&path).token(&tenant.admin_token).send().expect(200);
        assert_eq!((read.json(), read.etag()), (answer.json(), etag.clone()));
        assert_eq!(put(&etag).expect(200).etag(), etag, "the same again is no change");
    }
    let after = api.get(&person).token(&tenant.member_token).send().expect(200).etag();
    assert_eq!(before, after, "an ETag of its own");
}

fn modes(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.profile());
    let path = tenant.path(&format!("/profiles/{}/notification-settings", tenant.member_profile));
    let etag = api.get(&path).token(&tenant.member_token).send().expect(200).etag();
    let table = [
        (json!({"mode": "instant", "at": "09:00"}), "at"),
        (json!({"mode": "instant", "day": "monday"}), "day"),
        (json!({"mode": "daily"}), "at"),
        (json!({"mode": "daily", "at": "09:00", "day": "monday"}), "day"),
        (json!({"mode": "weekly", "at": "09:00"}), "day"),
        (json!({"mode": "weekly", "day": "monday"}), "at"),
        (json!({"mode": "daily", "at": "24:00"}), "at"),
        (json!({"mode": "daily", "at": "9:00"}), "at"),
        (json!({"mode": "daily", "at": "09:60"}), "at"),
        (json!({"mode": "daily", "at": "09:00:00"}), "at"),
        (json!({"mode": "daily", "at": "9:5 p"}), "at"),
        (json!({"mode": "weekly", "day": "Monday", "at": "09:00"}), "day"),
        (json!({"mode": "weekly", "day": "funday", "at": "09:00"}), "day"),
        (json!({"mode": "hourly"}), "mode"),
    ];
    for (body, field) in table {
        let answer = api.put(&path).token(&tenant.member_token).if_match(&etag).json(&body).send();
        problem_at(&answer, 422, field);
    }
    problem_at(&api.put(&path).token(&tenant.member_token).if_match(&etag).json(&json!({})).send(), 400, "mode");
    assert_eq!(api.get(&path).token(&tenant.member_token).send().expect(200).etag(), etag, "nothing was taken");
}
