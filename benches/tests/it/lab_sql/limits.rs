//! `lab sql knee`, and what a service is slowed through.

use lab::sql::{Called, Through};
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

/// Planted: one that only computes, and one that reads so much that nobody's pages stay in the buffers.
#[test]
fn a_processor_hog_is_called_processor_and_a_cache_evictor_reads() {
    let settings = ["shared_buffers = '4MB'"].map(str::to_owned).into();
    let shop = Shop::on(ClusterOptions { settings, ..ClusterOptions::ephemeral() });
    shop.as_superuser(
        "shop",
        "create table big (id int primary key, filler text not null);
         insert into big select n, repeat('x', 400) from generate_series(1, 40000) n;
         create table wide as select * from big where id <= 5000; alter table wide add primary key (id);
         analyze; grant select on big, wide to payer, reporter",
    );
    shop.write(
        "pay.sql",
        "\\set id random(1, 4500)\nselect sum(length(filler)) from wide where id between :id and :id + 400;\n",
    );
    // By the index: a sequential scan would read through a ring of a few buffers.
    shop.write("evict.sql", "\\set from random(1, 25000)\nset enable_seqscan = off;\nset enable_bitmapscan = off;\nselect sum(length(filler)) from big where id between :from and :from + 15000;\n");
    shop.write("hog.sql", "select count(*) from generate_series(1, 400000) n where n % 7 = 3;\n");
    let text = std::fs::read_to_string(shop.workload("report.sql", "evict.sql")).unwrap();
    let hog =
        "\n[services.hog]\nlogin = \"guest\"\nrate-per-s = 200\nconnections = 6\nscripts = [{ file = \"hog.sql\" }]\n";
    let workload = shop.write("workload.toml", &(text.replace("services.report", "services.evict") + hog));
    let output = shop.lab("run", &workload, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let kept: Measured<SqlOutcome> = attachments::read(&shop.only_run(), attachments::SQL).unwrap();
    let of = |others: &str| -> Through {
        let is = |of: &&Through| of.service == "pay" && of.while_running == others;
        kept.outcome.through.iter().find(is).unwrap().clone()
    };
    let hog = of("hog");
    assert_eq!(hog.called(), Some(Called::Processor), "{hog:?}");
    assert!(hog.lock_ms < 0.1 * hog.processor_ms, "{hog:?}");
    let evict = of("evict");
    let [alone, now] = evict.pages.unwrap();
    assert!(now > 4.0 * alone && now > 2.0 && evict.lock_ms < 0.01, "{evict:?}");
    // How long it also waited for a processor, and how much longer its work took, is a matter of what else this machine does.
    let longer = Through { processor_ms: 0.0, io_ms: 0.0, work_ms: 1.0, ..evict };
    assert_eq!(longer.called(), Some(Called::Reads), "{longer:?}");
    assert!(said(&output).contains("Through what"), "{}", said(&output));
}
