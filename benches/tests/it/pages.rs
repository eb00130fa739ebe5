//! The pages that people open, in a browser: nothing goes wrong in them, and they ask nobody for anything.

use std::path::Path;
use std::process::Command;

use schema::testing::browser::{QUIET, chromium};
use schema::testing::needs;

use crate::support::shared;

/// Opens a page: its document, the browser's log of its network, and what was written to the console.
fn open(browser: &Path, url: &str) -> (String, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("net.json");
    let output = Command::new(browser)
        .args(QUIET)
        .args(["--enable-logging=stderr", "--dump-dom", "--virtual-time-budget=3000"])
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(url)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let console: String = text(&output.stderr)
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .map(|line| line.to_owned() + "\n")
        .collect();
    let net_log = std::fs::read_to_string(log).unwrap_or_default();
    (text(&output.stdout), net_log, console)
}

/// The hosts that a page itself had the browser ask; what the browser asks of its own accord has no origin.
fn hosts(net_log: &str) -> Vec<String> {
    let asked = net_log.split("\"initiator\":\"").skip(1).filter_map(|rest| {
        let (initiator, rest) = rest.split_once('"')?;
        let url = rest.split_once("\"url\":\"")?.1.split('"').next()?;
        (initiator != "not an origin").then_some(url)
    });
    let mut hosts: Vec<String> =
        asked.filter_map(|url| url::Url::parse(url).ok()?.host_str().map(str::to_owned)).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// Pages that ask somebody and complain: were they not noticed, the test would prove nothing.
fn control(browser: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let url = format!("file://{}", page.display());
    std::fs::write(&page, "<img src=\"http://127.0.0.1:9/x.png\">").unwrap();
    assert_eq!(hosts(&open(browser, &url).1), ["127.0.0.1"]);
    std::fs::write(&page, "<script>console.error('oh')</script>").unwrap();
    assert!(!open(browser, &url).2.is_empty());
}

#[test]
fn contract_and_report_open_without_errors_and_ask_nobody() {
    let Some(browser) = needs(chromium().ok_or("Chromium isn't installed")) else { return };
    control(&browser);
    let report = "/results/reference/quick/report.html";
    let mut pages = vec![(format!("file://{}{report}", env!("CARGO_MANIFEST_DIR")), "<svg")];
    let services = shared().services.iter();
    pages.extend(services.map(|(name, url)| (format!("{url}/{name}/docs"), "<h1>")));
    for (url, part) in pages {
        let (document, net_log, console) = open(&browser, &url);
        assert!(document.contains(part), "{url}: {document}");
        assert_eq!(console, "", "{url}");
        assert!(net_log.contains("initiator"), "the browser kept no log of its network");
        assert_eq!(hosts(&net_log), Vec::<String>::new(), "{url}");
    }
}
