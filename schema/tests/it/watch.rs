//! `dba watch`: within two seconds the page's data name the right pair, statement and cause, and no longer when it is over. In a cluster of its
//! own: locks of other tests' databases would be seen, too.

mod browser;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use schema::coupling::Owners;
use schema::testing::TestCluster;
use schema::watch::http::{Serving, serve};
use schema::watch::{Options, Watching};
use serde_json::Value;

use crate::support::{connect, until};

/// Somebody else's database: two services, one of which reads the other's table.
const FOREIGN: &str = "
    create role sales login password 'x'; create role stock login password 'x'; create role looker login password 'x'; grant pg_monitor to looker;
    create schema stock authorization stock; grant usage on schema stock to sales;
    create table stock.items (id int primary key, on_hand int not null); insert into stock.items select n, 9 from generate_series(1, 10) n;
    alter table stock.items owner to stock; grant select, update on stock.items to sales";

fn begin(url: String) -> Arc<Watching> {
    Watching::begin(Options { url, owners: Owners::default(), check_roles: None }).unwrap()
}

fn login(cluster: &TestCluster, role: &str) -> String {
    cluster.cluster().url_of(role, "x", "postgres")
}

fn view(watching: &Watching) -> Value {
    serde_json::from_str(&watching.views().borrow()).unwrap()
}

fn blocked(view: &Value, role: &str) -> Option<Value> {
    view["blocked"].as_array()?.iter().find(|one| one["role"] == role).cloned()
}

#[test]
fn the_page_names_who_blocks_whom_and_forgets_it_afterwards() {
    let cluster = TestCluster::bare();
    let superuser = cluster.url("postgres", "superuser");
    connect(&superuser).batch_execute(FOREIGN).unwrap();
    let watching = begin(superuser);
    let mut holder = connect(&login(&cluster, "stock"));
    holder.batch_execute("begin; update stock.items set on_hand = 8 where id = 1 /* holds */").unwrap();
    let mut waiter = connect(&login(&cluster, "sales"));
    let waiting = std::thread::spawn(move || {
        waiter.batch_execute("update stock.items set on_hand = 7 where id = 1").unwrap();
    });
    until("the waiter is shown", || blocked(&view(&watching), "sales").is_some_and(|one| !one["waits"].is_null()));
    let seen = view(&watching);
    let (waits, holds) = (blocked(&seen, "sales").unwrap(), blocked(&seen, "stock").unwrap());
    assert_eq!(waits["waits"]["cause"], "row", "{seen:#}");
    assert_eq!(waits["waits"]["blockers"], serde_json::json!([holds["pid"]]), "{seen:#}");
    assert!(holds["statement"].as_str().unwrap().contains("/* holds */"), "{seen:#}");
    assert_eq!((holds["state"].as_str(), holds["waits"].is_null()), (Some("idle in transaction"), true), "{seen:#}");
    assert_eq!(seen["services"]["sales"]["waiting"], 1, "{seen:#}");
    assert!(seen["transactions"].as_array().unwrap().iter().any(|one| one["pid"] == holds["pid"]), "{seen:#}");
    let second = |watching: &Watching| {
        let all: Value = serde_json::from_str(&watching.seconds()).unwrap();
        let pairs = all.as_array().unwrap().iter().flat_map(|second| second["blocked"].as_array().unwrap().clone());
        pairs.filter(|one| one["waiting"] == "sales" && one["by"] == "stock").count()
    };
    until("the last seconds name the pair", || second(&watching) >= 1);
    assert!(
        watching
            .metrics()
            .contains("dba_blocked_seconds_total{waiting=\"sales\",direct=\"stock\",root=\"stock\",cause=\"row\"}")
    );
    holder.batch_execute("rollback").unwrap();
    waiting.join().unwrap();
    until("nobody is shown as blocked", || view(&watching)["blocked"] == serde_json::json!([]));
}

#[test]
fn who_uses_whose_tables_is_known_to_a_superuser_and_others_are_told_so() {
    let cluster = TestCluster::bare();
    let superuser = cluster.url("postgres", "superuser");
    connect(&superuser).batch_execute(&format!("{FOREIGN}; create extension pg_stat_statements")).unwrap();
    let watching = begin(superuser.clone());
    let mut sales = connect(&login(&cluster, "sales"));
    until("the edge has a rate", || {
        sales.query("select on_hand from stock.items where id = $1", &[&1]).unwrap();
        let seen = view(&watching);
        seen["uses"].as_array().is_some_and(|all| {
            all.iter()
                .any(|one| one["from"] == "sales" && one["to"] == "stock" && one["callsPerSecond"].as_f64() > Some(0.0))
        })
    });
    let looker = begin(login(&cluster, "looker"));
    until("the note is there", || {
        let seen = view(&looker);
        seen["notes"]
            .as_array()
            .is_some_and(|notes| notes.iter().any(|note| note.as_str().unwrap().contains("superuser alone")))
    });
}

/// Status and body.
fn get(at: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

/// Serves the page until this process ends: its address, with the token `secret`.
fn page_of(watching: Arc<Watching>) -> String {
    let (told, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let serving = Serving { listen: "127.0.0.1:0".parse().unwrap(), token: "secret".into(), metrics: true };
            let (server, at) = serve(watching, &serving).unwrap();
            told.send(at).unwrap();
            server.await.unwrap();
        });
    });
    format!("http://{}/?token=secret", hear.recv().unwrap())
}

#[test]
fn the_page_needs_its_token() {
    let cluster = TestCluster::bare();
    let page = page_of(begin(cluster.url("postgres", "superuser")));
    let at = page.trim_start_matches("http://").split('/').next().unwrap().parse().unwrap();
    for path in ["/", "/seconds", "/events"] {
        assert_eq!(get(at, path).0, 401, "{path}");
        assert_eq!(get(at, &format!("{path}?token=secre")).0, 401, "{path}");
    }
    let (status, page) = get(at, "/?token=secret");
    assert_eq!(status, 200);
    assert!(page.contains("new EventSource") && page.contains("content-security-policy"), "{page}");
    assert_eq!(get(at, "/seconds?token=secret").0, 200);
    assert!(get(at, "/metrics").1.contains("dba_up 1"));
}
