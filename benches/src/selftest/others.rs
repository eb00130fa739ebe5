//! What other load tools reach against the same server: how far our own ceiling is from theirs.

use std::process::Command;

/// Connections, and seconds.
const CONNECTIONS: &str = "64";
const LONG: &str = "2s";

/// `wrk 12345/s, oha 6789/s`; those that aren't installed are left out.
pub fn reach(url: &str) -> Vec<String> {
    [
        ("wrk", vec!["-t1", "-c", CONNECTIONS, "-d", LONG, url]),
        ("oha", vec!["--no-tui", "-c", CONNECTIONS, "-z", LONG, url]),
    ]
    .into_iter()
    .filter_map(|(tool, arguments)| {
        let out = Command::new(tool).args(arguments).output().ok()?;
        let rate = requests_per_s(&String::from_utf8_lossy(&out.stdout))?;
        Some(format!("{tool} {rate:.0}/s"))
    })
    .collect()
}

/// Both say it in the same words.
fn requests_per_s(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::requests_per_s;

    #[test]
    fn reads_what_wrk_and_oha_say() {
        let wrk = "  1000 requests in 2.00s, 1MB read\nRequests/sec:  31234.56\nTransfer/sec: 1MB\n";
        assert_eq!(requests_per_s(wrk), Some(31_234.56));
        assert_eq!(requests_per_s("Summary:\n  Requests/sec:\t512.5\n"), Some(512.5));
        assert_eq!(requests_per_s("unable to connect"), None);
    }
}
