//! The page in a browser, wide and narrow, on a server with a thousand foreign tables and two hundred sessions.

use std::fs;
use std::time::{Duration, Instant};

use schema::cluster::ClusterOptions;
use schema::testing::browser::{Browser, chromium};
use schema::testing::{TestCluster, needs};

use super::{FOREIGN, begin, login, page_of};
use crate::support::{connect, until};

const TABLES: u32 = 1000;
const SESSIONS: usize = 200;

/// What `#tree` says; nothing before the page is there.
fn tree(browser: &mut Browser) -> String {
    browser.value("document.getElementById('tree')?.innerText ?? ''").as_str().unwrap().to_owned()
}

/// A page that asks somebody and complains: were it not noticed, the test would prove nothing.
fn control(browser: &mut Browser) {
    let page = "data:text/html,<script>console.error('oh')</script><img src='http://127.0.0.1:9/x.png'>";
    browser.show(page, 800);
    until("the browser asks", || {
        let _ = browser.value("1");
        browser.asked().contains(&"http://127.0.0.1:9/x.png") && !browser.complaints().is_empty()
    });
}

/// Time on a processor that the server has spent on the questions of `dba watch`.
#[cfg(target_os = "linux")]
fn spent(superuser: &str) -> Duration {
    let sql = "select pid from pg_catalog.pg_stat_activity where application_name = 'govrnanza-observer'";
    let pids = connect(superuser).query(sql, &[]).unwrap();
    assert_eq!(pids.len(), 3, "locks, sessions, counters");
    let of = |pid: i32| {
        let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
        Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
    };
    pids.iter().map(|row| of(row.get(0))).sum()
}

#[test]
fn a_browser_shows_the_pair_and_forgets_it_wide_and_narrow_and_asks_nobody_else() {
    let Some(program) = needs(chromium().ok_or("Chromium isn't installed")) else { return };
    let settings = vec!["max_connections = 300".to_owned()];
    let cluster = TestCluster::with(ClusterOptions { settings, ..ClusterOptions::ephemeral() });
    let superuser = cluster.url("postgres", "superuser");
    let tables = format!(
        "{FOREIGN}; create extension pg_stat_statements;
         do $$ begin for n in 1..{TABLES} loop execute format('create table stock.t%s (id int primary key, note text)', n); end loop; end $$"
    );
    connect(&superuser).batch_execute(&tables).unwrap();
    let _sessions: Vec<_> = (0..SESSIONS).map(|_| connect(&login(&cluster, "stock"))).collect();
    let page = page_of(begin(superuser.clone()));
    let mut holder = connect(&login(&cluster, "stock"));
    let mut waiter = connect(&login(&cluster, "sales"));

    control(&mut Browser::start(&program));
    let mut browser = Browser::start(&program);
    browser.show(&page, 1280);
    until("nobody waits", || tree(&mut browser).contains("Nobody waits for a lock."));
    holder.batch_execute("begin; update stock.items set on_hand = 8 where id = 1 /* holds */").unwrap();
    let began = Instant::now();
    let waiting = std::thread::spawn(move || {
        waiter.batch_execute("update stock.items set on_hand = 7 where id = 1 /* waits */").unwrap();
    });
    let wanted = ["stock", "/* holds */", "sales", "/* waits */", "a row that an open transaction changed or locked"];
    let is_shown = |browser: &mut Browser| {
        let tree = tree(browser);
        wanted.iter().all(|part| tree.contains(part))
    };
    until("both, their statements and the cause are shown", || is_shown(&mut browser));
    println!("shown after {:?}", began.elapsed());

    browser.show(&page, 400);
    until("the narrow page shows them", || is_shown(&mut browser));
    let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(browser.value(fits), true, "nothing of the page lies beside the narrow window");
    assert_eq!(browser.value("document.documentElement.clientWidth"), 400);

    #[cfg(target_os = "linux")]
    {
        // Ten seconds of the page itself, while somebody waits and the counters are read.
        let count = "seconds.length";
        until("its past is shown", || browser.value(count).as_i64() > Some(0));
        let (first, from, before) = (browser.value(count).as_i64().unwrap(), Instant::now(), spent(&superuser));
        until("ten more seconds are shown", || browser.value(count).as_i64().unwrap() >= first + 10);
        let cost = (spent(&superuser) - before).as_secs_f64() / from.elapsed().as_secs_f64();
        println!("watching took the server {:.2} % of a core", cost * 100.0);
        // Each question rests in proportion to its time, so that a busy machine makes this less, not more.
        assert!(cost <= 0.01, "{cost}");
    }

    let ended = Instant::now();
    holder.batch_execute("rollback").unwrap();
    waiting.join().unwrap();
    until("nobody is shown as blocked", || tree(&mut browser).contains("Nobody waits for a lock."));
    println!("gone after {:?}", ended.elapsed());
    assert_eq!(browser.complaints(), Vec::<&serde_json::Value>::new());
    let origin = page.split_once("/?").unwrap().0;
    let elsewhere: Vec<&str> =
        browser.asked().into_iter().filter(|url| !url.starts_with(origin) && !url.starts_with("data:")).collect();
    assert!(browser.asked().len() > 3, "what it asked for is seen");
    assert_eq!(elsewhere, Vec::<&str>::new());
}
