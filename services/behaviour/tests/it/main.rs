//! The client and the cases themselves, against a server of a few lines.

#![expect(clippy::unwrap_used, reason = "a test panics with what went wrong")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use behaviour::assert::eventually;
use behaviour::{Case, Client, Fixture, Patience, Services, Tenant, Urls, World, check_together, json, run_together};
use uuid::Uuid;

/// Answers each request with the next of these, and tells each request's head.
fn server(answers: &[&'static str]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (heads, answers) = (Arc::new(Mutex::new(Vec::new())), answers.to_vec());
    let kept = Arc::clone(&heads);
    std::thread::spawn(move || {
        for answer in answers {
            let mut stream = listener.accept().unwrap().0;
            let lines = BufReader::new(&stream).lines().map(Result::unwrap);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            kept.lock().unwrap().push(head.join("\n").to_lowercase());
            write!(stream, "HTTP/1.1 {answer}\r\nconnection: close\r\n\r\n").unwrap();
        }
    });
    (url, heads)
}

const PATIENCE: Patience = Patience { busy: Duration::from_secs(60), absent: Duration::ZERO };

#[test]
fn a_busy_service_is_asked_again_with_the_same_key() {
    let (url, heads) = server(&["503 Busy\r\nretry-after: 1\r\ncontent-length: 0", "201 Created\r\ncontent-length: 0"]);
    let answer = Client::new().api(&url).post("/things").json(&json!({})).send_patiently(PATIENCE).unwrap();
    assert_eq!(answer.status, 201);
    let heads = heads.lock().unwrap();
    let keys: Vec<_> = heads
        .iter()
        .map(|head| head.lines().find(|line| line.starts_with("idempotency-key")).unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn without_patience_the_first_answer_counts() {
    let (url, _) = server(&["503 Busy\r\ncontent-length: 0"]);
    let patience = Patience { busy: Duration::ZERO, absent: Duration::ZERO };
    let call = Client::new().api(&url).post("/things");
    assert_eq!(call.clone().send_patiently(patience).unwrap().status, 503);
    assert!(
        call.send_patiently(patience).unwrap_err().to_string().contains("doesn't answer"),
        "nobody listens any more"
    );
}

#[test]
fn a_client_of_another_target_sends_its_headers_and_reads_where_it_reads() {
    let (url, heads) = server(&["200 OK\r\ncontent-length: 0"]);
    let client = Client::new()
        .authorized(|token, org| vec![("x-login".into(), format!("{token} of {}", org.unwrap_or("nobody")))]);
    let services = Services {
        client,
        urls: Urls { registry: Some("http://127.0.0.1:9".into()), ..Urls::default() },
        writes: Urls { registry: Some(url.clone()), ..Urls::default() },
        ..Services::default()
    };
    let api = services.api("registry").unwrap();
    api.post("/organisations/7/apis?x=1").token("t").try_send().unwrap();
    let gone = api.get("/organisations/7/apis").token("t").try_send().unwrap_err().to_string();
    assert!(gone.starts_with("http://127.0.0.1:9 doesn't answer"), "{gone}");
    assert!(heads.lock().unwrap()[0].contains("x-login: t of 7"), "{heads:?}");
    assert!(services.api("billing").is_err());
}

struct Nobody;

impl Fixture for Nobody {
    fn tenant(&self, plan: &str) -> Tenant {
        panic!("no tenant on {plan}")
    }
    fn profile(&self, _: &Tenant) -> Uuid {
        Uuid::nil()
    }
    fn operator_token(&self) -> String {
        String::new()
    }
    fn set_standing(&self, _: Uuid, _: &str) {}
}

#[test]
fn a_failed_assertion_is_an_error_that_says_what_and_where() {
    let world = World::new(Urls::default(), Nobody);
    let check = |run| Case { name: "case", run }.check(&world);
    assert_eq!(check(|_| ()), Ok(()));
    let why = check(|_| assert_eq!(1, 2, "one is two")).unwrap_err();
    assert!(why.contains("one is two") && why.contains("main.rs"), "{why}");
    let why = check(|world| drop(world.tenant("team"))).unwrap_err();
    assert!(why.contains("no tenant on team"), "{why}");
    let why = check(|world| drop(world.registry())).unwrap_err();
    assert!(why.contains("the service registry takes no part"), "{why}");
}

/// Ends once another case has begun.
fn meets(_: &World) {
    static BEGUN: AtomicUsize = AtomicUsize::new(0);
    BEGUN.fetch_add(1, Ordering::SeqCst);
    eventually("another one has begun", || (BEGUN.load(Ordering::SeqCst) > 1).then_some(()));
}

#[test]
fn cases_run_beside_each_other_and_whatever_fails_is_named() {
    let world = World::new(Urls::default(), Nobody);
    let cases: [Case; 4] = [
        Case { name: "first", run: meets },
        Case { name: "second", run: meets },
        Case { name: "third", run: |_| assert_eq!(1, 2, "one is two") },
        Case { name: "fourth", run: |_| {} },
    ];
    let ended = Mutex::new(Vec::new());
    check_together(&world, &cases, 2, |number, _, found| ended.lock().unwrap().push((number, found)));
    let mut ended = ended.into_inner().unwrap();
    ended.sort_by_key(|(number, _)| *number);
    assert_eq!(ended.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1, 2, 3], "each once");
    let failed: Vec<_> = ended.iter().filter_map(|(number, found)| Some((*number, found.as_ref().err()?))).collect();
    assert!(matches!(&failed[..], [(2, why)] if why.contains("one is two")), "{failed:?}");
    let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run_together(&world, &cases, 3))).unwrap_err();
    let said = said.downcast_ref::<String>().unwrap();
    assert!(said.contains("1 of 4 cases failed") && said.contains("third"), "{said}");
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let cases = behaviour::cases();
    let mut names: Vec<_> = cases.iter().map(|(service, case)| (service, case.name)).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() > 80, "{}", cases.len());
}

/// What an answer lacks, and why there was none: not only a status.
#[test]
fn a_failed_call_says_what_was_missing() {
    let (url, _) = server(&["201 Created\r\ncontent-length: 13\r\n\r\n{\"name\": \"x\"}"]);
    let made = Client::new().api(&url).post("/things").json(&json!({})).send_patiently(PATIENCE).unwrap();
    let said = made.find_id().unwrap_err().to_string();
    assert!(said.contains("201 but without \"id\": {\"name\": \"x\"}"), "{said}");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let patience = Patience { busy: Duration::ZERO, absent: Duration::ZERO };
    let call = Client::new().api(&format!("http://{nobody}")).post("/things");
    let said = call.send_patiently(patience).unwrap_err().to_string();
    assert!(said.to_lowercase().contains("connection refused"), "{said}");
}
