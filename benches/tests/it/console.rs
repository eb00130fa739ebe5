//! The console of `lab up`: who is harmed is seen, and when it is over; orders need the token and come from its page; nothing stays.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lab::console::Console;
use lab::data::{Size, connect};
use lab::system::{Deployment, Options};
use schema::testing::browser::{Browser, chromium};
use schema::testing::needs;

use crate::processes::interrupt;
use crate::support::{breakable, end_with_thread, lab, lines, until};
use crate::up::read_until;

/// Address and token of a console's URL.
fn parts(url: &str) -> (SocketAddr, &str) {
    let (at, token) = url.strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
    (at.parse().unwrap(), token)
}

/// Status and body of an order.
fn order(at: SocketAddr, query: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /order{query} HTTP/1.1\r\nHost: {at}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

/// Logins of harms, and their sessions.
fn left(database_url: &str) -> i64 {
    let sql = r"select (select count(*) from pg_roles where rolname like 'lab\_%' and rolname <> 'lab_monitor')
        + (select count(*) from pg_stat_activity where usename like 'lab\_%')
        + (select count(*) from pg_namespace where nspname like 'lab\_%')";
    connect(database_url).unwrap().query_one(sql, &[]).unwrap().get(0)
}

#[test]
fn orders_need_the_token_and_come_from_its_page_and_nothing_stays() {
    let broken = breakable();
    let database = broken.up.database_url().unwrap().to_owned();
    let console = Console::begin(broken.up.place(), broken.up.home(), Size::TINY, 0).unwrap();
    let (at, token) = parts(&console.url);
    let hold = r#"{"harm":"hold-rows"}"#;
    let with_token = format!("?token={token}");
    for (query, headers, body, status) in [
        ("", "", hold, 401),
        ("?token=wrong", "", hold, 401),
        (with_token.as_str(), "Origin: http://evil.example\r\n", hold, 403),
        (with_token.as_str(), "Origin: null\r\n", hold, 403),
        (with_token.as_str(), "", r#"{"harm":"fly"}"#, 422),
        (with_token.as_str(), "", r#"{"rate":301}"#, 422),
        (with_token.as_str(), "", r#"{"rate":-1}"#, 422),
    ] {
        assert_eq!(order(at, query, headers, body).0, status, "{query} {headers} {body}");
    }
    assert_eq!(left(&database), 0, "what was refused wasn't done");
    let look = || {
        let mut page = TcpStream::connect(at).unwrap();
        write!(page, "GET /events?token={token} HTTP/1.1\r\nHost: {at}\r\n\r\n").unwrap();
        page.read_exact(&mut [0; 100]).unwrap();
        page
    };
    let held = || {
        let sql =
            "select count(*) from pg_stat_activity where usename = 'lab_holder' and state = 'idle in transaction'";
        connect(&database).unwrap().query_one(sql, &[]).unwrap().get::<_, i64>(0) > 0
    };
    let from_here = format!("Origin: http://{at}\r\n");
    // The page goes.
    let page = look();
    assert_eq!(order(at, &with_token, &from_here, hold).0, 204);
    until("rows are held", held);
    drop(page);
    until("nothing stays of a page that is gone", || left(&database) == 0);
    // The console ends, and with it a harm that nobody switched off; one that was switched on before ended with the next one.
    let _page = look();
    assert_eq!(order(at, &with_token, &from_here, r#"{"harm":"month-end"}"#).0, 204);
    assert_eq!(order(at, &with_token, &from_here, hold).0, 204);
    until("rows are held again", held);
    drop(console);
    assert_eq!(left(&database), 0);
}

fn tree(browser: &mut Browser) -> String {
    browser.value("document.getElementById('tree')?.innerText ?? ''").as_str().unwrap().to_owned()
}

/// Whether a switch is on; false before the page is there.
fn is_on(browser: &mut Browser, harm: &str) -> bool {
    let pressed = format!("document.querySelector('[data-harm={harm}][aria-pressed=true]') !== null");
    browser.value(&pressed).as_bool().unwrap()
}

fn click(browser: &mut Browser, harm: &str) {
    until("the switch is there", || {
        browser.value(&format!("document.querySelector('[data-harm={harm}]') !== null")) == true
    });
    browser.value(&format!("document.querySelector('[data-harm={harm}]').click()"));
}

/// Clicks, and waits until the tree says all of this, and the picture has a red line to this login.
fn until_shown(browser: &mut Browser, harm: &str, by: &str, wanted: &[&str]) {
    if !is_on(browser, harm) {
        click(browser, harm);
    }
    let edge = format!("document.querySelector('path.blocks[data-by={by}]') !== null");
    let took = until(&format!("{harm} is shown"), || {
        let tree = tree(browser);
        wanted.iter().all(|part| tree.contains(part)) && browser.value(&edge) == true
    });
    println!("{harm} is shown after {took:?}");
}

fn until_gone(browser: &mut Browser, harm: &str) {
    click(browser, harm);
    let took = until(&format!("{harm} is gone"), || {
        tree(browser).contains("Nobody waits for a lock.") && !is_on(browser, harm)
    });
    println!("{harm} is gone after {took:?}");
}

/// Moves the slider, and waits until all services have answered.
fn load(browser: &mut Browser, rate: u32) {
    until("there is a slider", || browser.value("document.getElementById('lab')?.hidden ?? true") == false);
    browser.value(&format!(
        "(() => {{ const range = document.getElementById('rate'); range.value = {rate};
         for (const what of ['input', 'change']) range.dispatchEvent(new Event(what)); }})()"
    ));
    let answered =
        "[...document.querySelectorAll('#driven tr')].filter((row) => row.children[3]?.textContent > 0).length";
    until("all five answer", || browser.value(answered) == 5);
}

const ROWS: [&str; 3] = ["lab_holder", "for update", "a row that an open transaction changed or locked"];
// The report is Billing's.
const DDL: [&str; 4] = ["lab_billing", "lab_migration", "alter table registry.apis", "queued behind another waiter"];

#[test]
fn a_browser_starts_load_and_harms_and_shows_who_suffers() {
    let Some(program) = needs(chromium().ok_or("Chromium isn't installed")) else { return };
    let mut command = lab(&["up", "--ephemeral", "--port-base", "0", "--data", "tiny"]);
    end_with_thread(&mut command);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (sender, printed) = mpsc::channel();
    lines(child.stdout.take().unwrap(), sender);
    let text = read_until(&printed, "Ctrl-C stops");
    let url = |name| text.iter().find_map(|line| line.trim().strip_prefix(name)?.split_whitespace().next()).unwrap();
    let (page, database) = (url("console"), url("database"));

    let mut browser = Browser::start(&program);
    browser.show(page, 1280);
    let hidden = "document.getElementById('lab')?.hidden ?? true";
    until("the console is there", || browser.value(hidden) == false);
    let links = browser.value("[...document.querySelectorAll('nav a')].map((one) => one.textContent).join(' ')");
    assert_eq!(links, "account/docs billing/docs notification/docs profile/docs registry/docs mailbox payments");
    load(&mut browser, 200);
    let failed = "[...document.querySelectorAll('#driven tr')].map((row) => row.children[4].textContent).join(' ')";
    assert_eq!(browser.value(failed), "0.0 0.0 0.0 0.0 0.0", "what the load asks for is there");

    until_shown(&mut browser, "hold-rows", "lab_holder", &ROWS);
    browser.show(page, 400);
    until("the narrow page is there", || browser.value(hidden) == false);
    until_shown(&mut browser, "hold-rows", "lab_holder", &ROWS);
    let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(browser.value(fits), true, "nothing of the page lies beside the narrow window");
    until_gone(&mut browser, "hold-rows");
    until_shown(&mut browser, "queue-ddl", "lab_billing", &DDL);
    // The next one ends it.
    click(&mut browser, "month-end-counters");
    until("one harm at a time", || {
        is_on(&mut browser, "month-end-counters") && !tree(&mut browser).contains("lab_migration")
    });

    assert_eq!(browser.complaints(), Vec::<&serde_json::Value>::new());
    let origin = page.split_once("/?").unwrap().0;
    let elsewhere: Vec<&str> =
        browser.asked().into_iter().filter(|url| !url.starts_with(origin) && !url.starts_with("data:")).collect();
    assert_eq!(elsewhere, Vec::<&str>::new());
    drop(browser);
    until("nothing stays of a page that is gone", || left(database) == 0);
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// The pictures that `.ci/picture` makes the README's one of, into the folder FRAMES.
#[test]
#[ignore = "no test: for .ci/picture"]
fn frames() {
    let (program, folder) = (chromium().unwrap(), PathBuf::from(std::env::var_os("FRAMES").unwrap()));
    let up = Deployment::start(&Options { ephemeral: true, ..Options::default() }, |_| {}).unwrap();
    let console = Console::begin(up.place(), up.home(), Size::SMALL, 0).unwrap();
    let mut browser = Browser::start(&program);
    browser.show(&console.url, 1280);
    load(&mut browser, 150);
    let mut frame = 0;
    // Off after each, as a reader would do it.
    for (harm, frames) in [("", 4), ("hold-rows", 6), ("", 4), ("queue-ddl", 8), ("queue-ddl-timeout", 8), ("", 4)] {
        let on = ["hold-rows", "queue-ddl", "queue-ddl-timeout"].into_iter().find(|harm| is_on(&mut browser, harm));
        if let Some(harm) = if harm.is_empty() { on } else { Some(harm) } {
            click(&mut browser, harm);
        }
        for _ in 0..frames {
            // Pictures of a page that changes by itself: their distance in time is what they show.
            std::thread::sleep(Duration::from_millis(600));
            let picture = BASE64_STANDARD.decode(browser.picture(1280, 1130)).unwrap();
            fs::write(folder.join(format!("{frame:03}.png")), picture).unwrap();
            frame += 1;
        }
    }
}
