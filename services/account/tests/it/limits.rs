//! Limits of signing in: who guesses is stopped, and learns nothing by guessing faster.

use std::sync::Arc;
use std::thread;

use account::Settings;
use behaviour::assert::eventually;
use behaviour::assert::problem;
use behaviour::{Response, json};
use diesel::connection::SimpleConnection;
use schema::testing::TestDb;

use crate::here::{Here, PASSWORD, unique};

fn here(per_login: i32, per_address: i32) -> Here {
    Here::with(Settings {
        sign_in_limit_per_login: per_login,
        sign_in_limit_per_address: per_address,
        ..Settings::default()
    })
}

fn retry_after(answer: &Response) -> i64 {
    problem(answer, 429);
    let header = answer.header("retry-after").expect("Retry-After");
    header.parse().expect("seconds")
}

#[test]
fn a_login_is_closed_after_its_failures_and_opens_with_the_next_window() {
    let here = here(3, 100);
    let (_, email, token) = here.organisation("free");
    // An e-mail that nobody has is treated alike: the limit tells nothing.
    for email in [email.as_str(), "nobody@here.example"] {
        for _ in 0..3 {
            problem(&here.sign_in(email, "a guess"), 401);
        }
        let seconds = retry_after(&here.sign_in(email, "a guess"));
        assert!((1..=900).contains(&seconds), "{seconds}");
    }
    retry_after(&here.sign_in(&email, PASSWORD));
    retry_after(&here.sign_in(&email.to_uppercase(), PASSWORD));
    let put = here.account.put("/logins/me/password").token(&token);
    let body = json!({"current": PASSWORD, "new": "quite another password"});
    retry_after(&put.json(&body).send());
    here.clock(901);
    here.sign_in(&email, PASSWORD).expect(200);
}

#[test]
fn another_way_to_write_an_e_mail_earns_no_further_guesses() {
    let here = here(3, 100);
    // The database takes them for one: a dot above, and a sigma that a text's own lower case writes otherwise at the end.
    for (email, other) in
        [("ali@here.example", "al\u{130}@here.example"), ("sofia\u{3c3}@here.example", "SOFIA\u{3a3}@here.example")]
    {
        let body = json!({"name": unique(), "plan": "free", "admin": {"email": email, "password": PASSWORD}});
        let post = here.account.post("/organisations").json(&body);
        post.send().expect(201);
        here.sign_in(other, PASSWORD).expect(200);
        for _ in 0..3 {
            problem(&here.sign_in(email, "a guess"), 401);
        }
        retry_after(&here.sign_in(other, PASSWORD));
    }
}

#[test]
fn a_right_password_doesnt_end_the_failures() {
    let here = here(3, 5);
    let (_, email, _) = here.organisation("free");
    for _ in 0..2 {
        problem(&here.sign_in(&email, "a guess"), 401);
        here.sign_in(&email, PASSWORD).expect(200);
    }
    // As with an e-mail that nobody has: three guesses, whoever signed in meanwhile.
    problem(&here.sign_in(&email, "a guess"), 401);
    retry_after(&here.sign_in(&email, PASSWORD));
    let other = here.organisation("free").1;
    here.sign_in(&other, PASSWORD).expect(200);
    // Three from this address so far.
    for _ in 0..2 {
        problem(&here.sign_in(&format!("{}@here.example", unique()), "a guess"), 401);
    }
    retry_after(&here.sign_in(&other, PASSWORD));
}

#[test]
fn guesses_made_at_once_are_counted_one_by_one() {
    let here = here(5, 1000);
    let (_, email, _) = here.organisation("free");
    let statuses: Vec<u16> = thread::scope(|scope| {
        let guess = || here.sign_in(&email, "a guess").status;
        let all: Vec<_> = (0..20).map(|_| scope.spawn(guess)).collect();
        all.into_iter().map(|guess| guess.join().expect("no panic")).collect()
    });
    let told = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(told, 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 15, "{statuses:?}");
}

#[test]
fn more_passwords_than_can_wait_are_refused_and_the_rest_is_served() {
    let here = Here::with(Settings { hash_queue_max: 2, ..Settings::default() });
    let (_, email, _) = here.organisation("free");
    let answers: Vec<Response> = thread::scope(|scope| {
        let all: Vec<_> = (0..40).map(|_| scope.spawn(|| here.sign_in(&email, PASSWORD))).collect();
        all.into_iter().map(|answer| answer.join().expect("no panic")).collect()
    });
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(!served.is_empty() && !refused.is_empty(), "{} served", served.len());
    for answer in refused {
        retry_after(answer);
    }
    here.sign_in(&email, PASSWORD).expect(200);
}

#[test]
fn failures_are_changed_passwords_too() {
    let here = here(2, 100);
    let (_, email, token) = here.organisation("free");
    let put = || {
        let body = json!({"current": "a guess", "new": "quite another password"});
        here.account.put("/logins/me/password").token(&token).json(&body).send()
    };
    problem(&put(), 422);
    problem(&put(), 422);
    retry_after(&put());
    retry_after(&here.sign_in(&email, PASSWORD));
}

#[test]
fn an_unknown_e_mail_takes_as_long_as_a_wrong_password() {
    let here = here(1000, 1000);
    let (_, email, _) = here.organisation("free");
    // The time apart from the database's: without a hash to compare with it would be next to nothing.
    let app_ms = |email: &str| -> f64 {
        let answer = here.sign_in(email, "a guess");
        let timing = answer.header("server-timing").expect("Server-Timing");
        let (_, app) = timing.split_once("app;dur=").expect("app");
        app.parse().expect("milliseconds")
    };
    // The least of each tells, once each had its turn on a processor that others use, too.
    let (mut known, mut unknown) = (f64::MAX, f64::MAX);
    let alike = (0..100).any(|round| {
        known = known.min(app_ms(&email));
        unknown = unknown.min(app_ms("nobody@here.example"));
        round >= 4 && (0.5..2.0).contains(&(unknown / known))
    });
    assert!(alike, "unknown {unknown} ms, known {known} ms");
}

#[test]
fn the_right_guess_learns_nothing_if_the_limit_was_reached_while_it_was_hashed() {
    let db = Arc::new(TestDb::new());
    let mut superuser = db.connect("superuser");
    // Here a lock is to be waited for, for as long as the test needs.
    let patient = format!(
        "alter role account_writer in database {0} set lock_timeout = '60s'; \
         alter role account_writer in database {0} set statement_timeout = '60s'",
        db.name()
    );
    superuser.batch_execute(&patient).expect("patience");
    let here = Here::custom(db, Settings::default(), |common| {
        common.pool_write_size = 1;
        common.pool_wait_ms = 60_000;
    });
    let (org, email, token) = here.organisation("free");
    let waiting = || -> u32 {
        let text = here.account.root("/metrics").send().expect(200).text();
        let mut lines = text.lines();
        let line = lines.find(|line| line.contains("queue_jobs{") && line.contains("\"write\""));
        let number = line.and_then(|line| line.rsplit_once(' ')).expect("a gauge");
        number.1.parse().expect("a number")
    };
    let hold = format!("begin; select 1 from account.organisations where id = '{org}' for update");
    superuser.batch_execute(&hold).expect("the organisation is locked");
    thread::scope(|scope| {
        // The only thread that writes waits for the lock; who signs in, hashed already, waits behind it.
        let path = format!("/organisations/{org}");
        let patch = here.account.patch(&path).token(&token).if_match("\"1\"");
        let patch = patch.json(&json!({"name": unique()}));
        let patched = scope.spawn(|| patch.send());
        let sign_in = || here.sign_in(&email, PASSWORD);
        let signed_in: Vec<_> = (0..12).map(|_| scope.spawn(sign_in)).collect();
        // Of eight that wait, jobs of the service's own are four at most: the others are sign-ins.
        eventually("eight wait for the writer", || (waiting() >= 8).then_some(()));
        let failures = "insert into account.sign_in_failures \
            select 'address:127.0.0.1', 100, pg_catalog.now() + interval '5 minutes'; commit";
        superuser.batch_execute(failures).expect("others have failed");
        patched.join().expect("no panic").expect(200);
        for answer in signed_in {
            retry_after(&answer.join().expect("no panic"));
        }
    });
}

#[test]
fn an_address_signs_up_so_many_an_hour_and_goes_on_signing_in() {
    let here = Here::with(Settings { sign_up_limit_per_address: 2, ..Settings::default() });
    let (_, email, _) = here.organisation("free");
    here.organisation("free");
    let third = || {
        let admin = json!({"email": format!("{}@here.example", unique()), "password": PASSWORD});
        let body = json!({"name": unique(), "plan": "free", "admin": admin});
        here.account.post("/organisations").json(&body).send()
    };
    let seconds = retry_after(&third());
    assert!((1700..=1801).contains(&seconds), "{seconds}");
    here.sign_in(&email, PASSWORD).expect(200);
}

#[test]
fn one_client_does_not_fill_the_hashing_queue() {
    let here =
        Here::with(Settings { hash_queue_per_client: 1, sign_in_limit_per_address: 1000, ..Settings::default() });
    let (org, _, token) = here.organisation("enterprise");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let guesses = thread::scope(|scope| {
        // Two at a time from this address, where one may wait or be at work.
        let guess = || {
            let mut refused = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let answer = here.sign_in(&format!("{}@here.example", unique()), "a guess");
                refused += usize::from(answer.status == 429);
            }
            refused
        };
        let guessing = [scope.spawn(guess), scope.spawn(guess)];
        // Whoever is signed in counts for themselves, and is never refused meanwhile.
        for _ in 0..5 {
            let login = json!({"email": format!("{}@here.example", unique()), "password": PASSWORD, "scope": "member"});
            let post = here.account.post(&format!("/organisations/{org}/logins"));
            post.token(&token).json(&login).send().expect(201);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        guessing.map(|one| one.join().unwrap())
    });
    assert!(guesses.iter().sum::<usize>() > 0, "{guesses:?}");
}
