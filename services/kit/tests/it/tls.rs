//! A service whose database takes connections by TLS alone.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::{Pid, Signal, kill_process};
use schema::testing::TlsServer;

use crate::http::get;
use crate::process::start;

/// Starts a service with these connection strings, for as long as `look` takes; what it said on standard error, and its exit code.
fn serve(urls: [&str; 2], environment: &[(&str, &str)], look: impl FnOnce(&str)) -> (String, Option<i32>) {
    let mut all = vec![("DATABASE_READ_URL", urls[0]), ("DATABASE_WRITE_URL", urls[1]), ("HOME", "/nonexistent")];
    all.extend(environment);
    let mut child = start("", &all);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut listening = lines.filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok());
    if let Some(line) = listening.find(|line| line["message"] == "listening") {
        look(line["address"].as_str().unwrap());
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        listening.for_each(drop);
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (said, child.wait().unwrap().code())
}

fn ready(address: &str) -> u16 {
    get(&format!("{address}/readyz"), &[]).status
}

#[test]
fn a_service_starts_only_with_a_server_that_it_trusts() {
    let server = TlsServer::with_product();
    let urls = |host, parameters: &str| {
        ["account_reader", "account_writer"].map(|role| server.url(role, "govrnanza", host, parameters))
    };
    let root = |name| format!("sslmode=verify-full&sslrootcert={}", server.file(name));
    let [read, write] = urls("localhost", &format!("{}&channel_binding=require", root("authority.crt")));
    let (said, code) = serve([&read, &write], &[], |address| {
        assert_eq!(ready(address), 200);
        let sessions =
            "select count(*) filter (where s.ssl), count(*) from pg_stat_ssl s join pg_stat_activity using (pid)
             where usename like 'account%'";
        let row = server.superuser().query_one(sessions, &[]).unwrap();
        let (encrypted, all) = (row.get::<_, i64>(0), row.get::<_, i64>(1));
        assert!(encrypted > 0 && encrypted == all, "{encrypted} of {all}");
    });
    assert_eq!(code, Some(0), "{said}");

    // An authority that isn't its own, a name that isn't its own, an authority that isn't there.
    for ([read, write], words) in [
        (urls("localhost", &root("stranger.crt")), "certificate verify failed"),
        (urls("127.0.0.1", &root("authority.crt")), "does not match host name"),
        (urls("localhost", &root("nobody.crt")), "sslrootcert"),
    ] {
        let (said, code) = serve([&read, &write], &[], |_| panic!("{words}: it serves"));
        assert_eq!((code, said.contains(words), said.contains("DATABASE_READ_URL")), (Some(2), true, true), "{said}");
        assert!(!said.contains(server.passwords().get("account_reader").unwrap()), "{said}");
    }

    // What the server refuses may be mended there: the service waits.
    let [read, write] = urls("localhost", "sslmode=disable");
    let (_, code) = serve([&read, &write], &[], |address| assert_eq!(ready(address), 503));
    assert_eq!(code, Some(0));
}

/// As `psql` and `dba` do: the same text, the same surroundings.
#[test]
fn a_service_finds_its_password_where_psql_does() {
    let server = TlsServer::with_product();
    let file = server.file("passwords");
    let lines = ["account_reader", "account_writer"].map(|login| {
        let password = server.passwords().get(login).unwrap();
        format!("localhost:*:govrnanza:{login}:{password}\n")
    });
    std::fs::write(&file, lines.concat()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let root = server.file("authority.crt");
    let port = server
        .url("superuser", "postgres", "localhost", "")
        .rsplit_once(':')
        .unwrap()
        .1
        .split_once('/')
        .unwrap()
        .0
        .to_owned();
    let urls = ["account_reader", "account_writer"]
        .map(|login| format!("user={login} dbname=govrnanza host='localhost,localhost' port=1,{port} colour=blue"));
    let environment = [("PGPASSFILE", file.as_str()), ("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", &root)];
    let (said, code) = serve([&urls[0], &urls[1]], &environment, |address| assert_eq!(ready(address), 200));
    assert_eq!(code, Some(0), "{said}");
}
