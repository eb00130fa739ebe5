//! `lab sql knee`.

use serde_json::Value;

use super::*;

fn knees(shop: &Shop, workload: &Path, more: &[&str]) -> Value {
    let more = [&["--seconds", "2", "--format", "json"], more].concat();
    let output = shop.lab("knee", workload, &more).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(shop.copies(), Vec::<String>::new());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One connection and 20 ms for each transaction: fifty a second at the most, whatever the machine.
#[test]
fn a_knee_is_found_and_what_stops_it() {
    let shop = Shop::new();
    shop.write("pay.sql", "begin;\nselect balance from accounts where id = 7;\n\\sleep 20 ms\nend;\n");
    let text =
        std::fs::read_to_string(shop.workload("connections = 4", "connections = 1\np99-limit-ms = 400")).unwrap();
    let text = text.replace("rate-per-s = 60", "rate-per-s = 20");
    let workload = shop.write("workload.toml", &text);
    let found = knees(&shop, &workload, &["pay"]);
    let knee = &found["knees"][0];
    assert_eq!((&knee["what"], &knee["stopped"]["obstacle"]), (&"pay".into(), &"connections".into()), "{found}");
    let [keeps, passes] =
        ["keeps", "passes"].map(|name| knee[name].as_f64().unwrap_or_else(|| panic!("{name}: {found}")));
    assert!(keeps < passes && passes > 0.6 && keeps < 3.3, "{found}");
    // A row that everybody locks: one at a time, however many connections.
    shop.write("pay.sql", "begin;\nupdate accounts set balance = balance + 1 where id = 7;\n\\sleep 20 ms\nend;\n");
    let workload = shop.write("workload.toml", &text.replace("connections = 1", "connections = 8"));
    let found = knees(&shop, &workload, &["all"]);
    let knee = &found["knees"][0];
    assert_eq!((&knee["what"], &knee["stopped"]["service"]), (&"all".into(), &"pay".into()), "{found}");
    assert_eq!((&knee["stopped"]["obstacle"], &knee["stopped"]["blamed"]), (&"lock".into(), &"pay".into()), "{found}");
    let none = shop.lab("knee", &shop.workload("", ""), &[]).output().unwrap();
    assert_eq!(none.status.code(), Some(2), "{}", said(&none));
    let unknown = shop.lab("knee", &workload, &["report"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2), "{}", said(&unknown));
}
