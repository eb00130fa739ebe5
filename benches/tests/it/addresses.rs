//! `lab up` on a server of somebody's own, named in any of libpq's ways.

use std::fs;
use std::process::{Child, Command};

use schema::Passwords;
use schema::cluster::{Cluster, ClusterOptions};
use schema::testing::TlsServer;

use crate::processes::{OwnHome, interrupt};
use crate::support::{lab, start_json};

fn up(home: &OwnHome, database_url: &str) -> Command {
    let mut command = lab(&["up", "--port-base", "0", "--format", "json"]);
    command.env("GOVRNANZA_HOME", home.0.path()).env("DATABASE_URL", database_url);
    command
}

fn end(mut child: Child) {
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_server_is_found_in_any_form() {
    let settings = vec!["listen_addresses = '127.0.0.1, ::1'".to_owned()];
    let cluster = Cluster::find_or_start(&ClusterOptions { settings, ..ClusterOptions::ephemeral() }).unwrap();
    let password = fs::read_to_string(cluster.home().unwrap().join("superuser")).unwrap();
    let (port, socket) = (cluster.port(), cluster.home().unwrap().join("postgres/run").display().to_string());
    let home = OwnHome::new();
    // The same passwords each time: they are those of the server's logins.
    Passwords::load(&home.0.path().join("passwords")).unwrap();
    for url in [
        format!("postgresql://postgres@[::1]:{port}/postgres"),
        format!("postgresql://postgres@{}:{port}/postgres", socket.replace('/', "%2F")),
        format!("postgresql://postgres@127.0.0.1:1,localhost:{port}/postgres"),
        format!("host='{socket}' port={port} user=postgres dbname=postgres"),
    ] {
        let (child, place) = start_json(up(&home, &url).env("PGPASSWORD", password.trim()));
        assert_eq!(ureq::get(format!("{}/readyz", place.services["registry"])).call().unwrap().status(), 200, "{url}");
        end(child);
    }
}

#[test]
fn a_server_that_demands_tls_is_used_when_it_is_trusted() {
    let server = TlsServer::start();
    let home = OwnHome::new();
    let url = |host, root| {
        let parameters = format!("sslmode=verify-full&sslrootcert={}", server.file(root));
        server.url("superuser", "postgres", host, &parameters)
    };
    for (url, why) in [
        (url("localhost", "stranger.crt"), "not to be trusted"),
        (url("127.0.0.1", "authority.crt"), "isn't for 127.0.0.1"),
    ] {
        let refused = up(&home, &url).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!((refused.status.code(), said.contains(why)), (Some(2), true), "{said}");
        assert!(said.contains("nothing was sent") && refused.stdout.is_empty(), "{said}");
    }
    let (child, _) = start_json(&mut up(&home, &url("localhost", "authority.crt")));
    let sessions = "select count(*) filter (where s.ssl), count(*), count(distinct usename)
         from pg_stat_ssl s join pg_stat_activity using (pid) where usename ~ '_(reader|writer)$'";
    let row = server.superuser().query_one(sessions, &[]).unwrap();
    let (encrypted, all, logins) = (row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2));
    assert!(encrypted == all && logins == 10, "{encrypted} of {all} sessions, {logins} logins");
    end(child);
}
