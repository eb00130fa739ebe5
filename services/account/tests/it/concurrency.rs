//! What many do at once.

use std::sync::Barrier;
use std::thread;

use behaviour::{Call, Response, json};

use crate::here::{Here, PASSWORD, token, unique};

/// Sends all calls at the same moment.
fn at_once(calls: Vec<Call>) -> Vec<Response> {
    let barrier = Barrier::new(calls.len());
    let send = |call: Call| {
        barrier.wait();
        call.send()
    };
    thread::scope(|scope| {
        let start = |call| scope.spawn(|| send(call));
        let all: Vec<_> = calls.into_iter().map(start).collect();
        let answer = |answer: thread::ScopedJoinHandle<'_, Response>| answer.join().expect("no panic");
        all.into_iter().map(answer).collect()
    })
}

fn statuses(answers: &[Response]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

fn count(answers: &[Response], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[test]
fn two_last_admins_cant_remove_each_other() {
    let here = Here::new();
    for round in 0..12 {
        let (org, _, first) = here.organisation("free");
        let logins = format!("/organisations/{org}/logins");
        let email = format!("{}@here.example", unique());
        let body = json!({"email": email, "password": PASSWORD, "scope": "admin"});
        let made = here.account.post(&logins).token(&first).json(&body).send().expect(201);
        here.world.accept(&format!("{logins}/{}", made.id()), &first);
        let second = token(&here.sign_in(&email, PASSWORD).expect(200));
        let page = here.account.get(&logins).token(&first).send().expect(200).json();
        let path = |index: usize| format!("{logins}/{}", page["items"][index]["id"].as_str().expect("an id"));
        let take = |index: usize, token: &str| {
            let (path, etag) = (path(index), format!("\"{}\"", page["items"][index]["version"]));
            match round % 3 {
                0 => here.account.delete(&path).token(token).if_match(&etag),
                1 => here.account.patch(&path).token(token).if_match(&etag).json(&json!({"scope": "member"})),
                _ => here.account.patch(&path).token(token).if_match(&etag).json(&json!({"disabled": true})),
            }
        };
        // Who comes while the other is under way would be the last (409), who comes after is no admin any more (403).
        let answers = at_once(vec![take(1, &first), take(0, &second)]);
        assert_eq!(count(&answers, 409) + count(&answers, 403), 1, "round {round}: {:?}", statuses(&answers));
        assert_eq!(count(&answers, 200) + count(&answers, 204), 1, "round {round}: {:?}", statuses(&answers));
        let page = here.account.get(&logins).token(&first).send().expect(200).json();
        let items = page["items"].as_array().expect("items");
        let admins = items.iter().filter(|login| login["scope"] == "admin" && login["disabled"] == false);
        assert_eq!(admins.count(), 1, "round {round}: {page}");
    }
}

#[test]
fn a_name_is_taken_once() {
    let here = Here::new();
    let name = format!("Org {}", unique());
    let calls = (0..8).map(|number| {
        let email = format!("{number}-{}@here.example", unique());
        let body = json!({"name": name, "plan": "free", "admin": {"email": email, "password": PASSWORD}});
        here.account.post("/organisations").json(&body)
    });
    let answers = at_once(calls.collect());
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 7), "{:?}", statuses(&answers));
}

#[test]
fn concurrent_repeats_wait_for_the_first_and_get_its_answer() {
    let here = Here::new();
    let (org, _, token) = here.organisation("free");
    let logins = format!("/organisations/{org}/logins");
    let body = json!({"email": format!("{}@here.example", unique()), "password": PASSWORD, "scope": "member"});
    let call = here.account.post(&logins).token(&token).idempotency_key("the-same").json(&body);
    let answers = at_once(vec![call; 8]);
    assert_eq!(count(&answers, 201), 8, "{:?}", statuses(&answers));
    assert!(answers.iter().all(|answer| answer.json() == answers[0].json()), "{:?}", statuses(&answers));
    let page = here.account.get(&logins).token(&token).send().expect(200).json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2), "{page}");
}

#[test]
fn a_password_is_changed_once() {
    let here = Here::new();
    let (_, email, token) = here.organisation("free");
    let calls = (0..4).map(|number| {
        let body = json!({"current": PASSWORD, "new": format!("the new password {number}")});
        here.account.put("/logins/me/password").token(&token).json(&body)
    });
    let answers = at_once(calls.collect());
    assert_eq!((count(&answers, 204), count(&answers, 422)), (1, 3), "{:?}", statuses(&answers));
    let winner = answers.iter().position(|answer| answer.status == 204).expect("one");
    here.sign_in(&email, &format!("the new password {winner}")).expect(200);
}
