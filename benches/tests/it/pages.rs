//! The pages that people open, in a browser: nothing goes wrong in them, and they ask nobody for anything.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::shared;

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let named = ["chromium", "chromium-browser", "google-chrome"];
    named
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
}

/// Opens a page; the text of its document and what the browser logged of its network and its console.
fn open(browser: &Path, url: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("net.json");
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args([
            "--enable-logging=stderr",
            "--dump-dom",
            "--virtual-time-budget=3000",
        ])
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(url)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let console: String = text(&output.stderr)
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .map(|line| line.to_owned() + "\n")
        .collect();
    assert!(console.is_empty(), "{url}: {console}");
    (
        text(&output.stdout),
        std::fs::read_to_string(log).unwrap_or_default(),
    )
}

/// The hosts of all URLs that the page had the browser ask for.
fn hosts(net_log: &str) -> Vec<String> {
    let mut hosts: Vec<String> = net_log
        .split("\"url\":\"")
        .skip(1)
        .filter_map(|rest| url::Url::parse(rest.split('"').next()?).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https" | "ws" | "wss"))
        .filter_map(|url| url.host_str().map(str::to_owned))
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

#[test]
fn contract_and_report_open_without_errors_and_ask_nobody() {
    let Some(browser) = chromium() else {
        println!("skipped: there is no Chromium");
        return;
    };
    let report = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/results/reference/quick/report.html"
    );
    let mut pages = vec![(format!("file://{report}"), "<svg", vec![])];
    for (name, url) in &shared().services {
        let title = format!("{url}/{name}/docs");
        pages.push((title, "<h1>", vec!["127.0.0.1".to_owned()]));
    }
    for (url, part, asked) in pages {
        let (document, net_log) = open(&browser, &url);
        assert!(document.contains(part), "{url}: {document}");
        assert!(
            !net_log.is_empty(),
            "the browser kept no log of its network"
        );
        let hosts = hosts(&net_log);
        assert!(
            hosts.iter().all(|host| asked.contains(host)),
            "{url} asked {hosts:?}"
        );
        assert_eq!(hosts, asked, "{url}");
    }
}
