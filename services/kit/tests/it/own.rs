//! The sample on a server of its own, for what would harm others on a shared one: stopped, full, read-only.

use std::fs;
use std::path::PathBuf;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use kit::Common;
use kit::testing::{Running, common, spawn_with};
use rustix::process::{Pid, Signal, kill_process};
use schema::DATABASE;
use schema::cluster::postmaster::Postmaster;
use schema::testing::TestCluster;
use serde_json::json;

use crate::http::{Answer, get, json as send_json};
use crate::sample::{Sample, Settings};

/// Where a server is, also while it is stopped.
pub struct Urls {
    pub read: String,
    pub write: String,
    pub superuser: String,
    pub data: PathBuf,
}

impl Urls {
    pub fn of(cluster: &TestCluster) -> Self {
        let [read, write, superuser] =
            ["account_reader", "account_writer", "superuser"].map(|role| cluster.url(DATABASE, role));
        Self { read, write, superuser, data: cluster.cluster().home().unwrap().join("postgres/data") }
    }
}

pub struct Own {
    pub service: Running,
    superuser: String,
    data: PathBuf,
    _cluster: Option<TestCluster>,
}

impl Own {
    pub fn new(change: impl FnOnce(&mut Common)) -> Self {
        let cluster = TestCluster::ephemeral();
        let own = Self::at(&Urls::of(&cluster), change);
        Self { _cluster: Some(cluster), ..own }
    }

    /// On a server that somebody else holds.
    pub fn at(urls: &Urls, change: impl FnOnce(&mut Common)) -> Self {
        let mut common = common(&urls.read, &urls.write);
        common.pool_wait_ms = 1000;
        common.pool_read_size = 4;
        common.pool_write_size = 4;
        change(&mut common);
        let service = spawn_with::<Sample>(common, Settings::default()).unwrap();
        Self { service, superuser: urls.superuser.clone(), data: urls.data.clone(), _cluster: None }
    }

    pub fn superuser(&self) -> PgConnection {
        PgConnection::establish(&self.superuser).unwrap()
    }

    pub fn run(&self, sql: &str) {
        self.superuser().batch_execute(sql).unwrap();
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.service.url)
    }

    pub fn ready(&self) -> Answer {
        get(&format!("{}/readyz", self.service.url), &[])
    }

    pub fn list(&self) -> Answer {
        get(&self.url("/organisations"), &[])
    }

    pub fn create(&self, name: &str) -> Answer {
        send_json("POST", &self.url("/organisations"), &[], &json!({ "name": name }))
    }

    /// Stops the server and all its processes until the value is dropped: they keep their connections and say nothing.
    pub fn freeze(&self) -> Frozen {
        let main = Postmaster::read(&self.data).unwrap().pid;
        let children = fs::read_to_string(format!("/proc/{main}/task/{main}/children")).unwrap();
        let children = children.split_whitespace().map(|pid| pid.parse().unwrap());
        let frozen = Frozen(std::iter::once(main).chain(children).collect());
        frozen.send(Signal::STOP);
        frozen
    }
}

pub struct Frozen(Vec<i32>);

impl Frozen {
    fn send(&self, signal: Signal) {
        for pid in &self.0 {
            // One that has ended meanwhile is no matter.
            let _ = kill_process(Pid::from_raw(*pid).unwrap(), signal);
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.send(Signal::CONT);
    }
}
