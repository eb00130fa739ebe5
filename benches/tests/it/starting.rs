//! A start that can't go on: it ends when it is told to, and says why it failed.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Output, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use lab::Place;
use rustix::process::Signal;
use schema::cluster::{Cluster, ClusterOptions};
use schema::session::Session;

use crate::processes::{OwnHome, children, lives, signal};
use crate::support::{end_with_thread, lab, start_json, until_within};

/// What `lab up` may take to end: less than a person's patience, more than a busy machine's hiccup.
const SOON: Duration = Duration::from_secs(10);

/// Until `lab up` asks the database: it builds the services first where they are older than their sources.
const BUILT: Duration = Duration::from_secs(600);

#[test]
fn a_silent_server_is_no_reason_to_hang() {
    for end in [Signal::INT, Signal::TERM] {
        let (address, silenced) = silent(TcpListener::bind("127.0.0.1:0").unwrap(), None);
        let home = OwnHome::new();
        let child = up(&home, &format!("postgresql://postgres:x@{address}/postgres"));
        silenced.recv_timeout(BUILT).expect("`lab up` connects");
        assert_ends(child, end);
    }
}

#[test]
fn a_hanging_create_operator_is_ended_too() {
    let cluster = Cluster::find_or_start(&ClusterOptions::ephemeral()).unwrap();
    let server = SocketAddr::from(([127, 0, 0, 1], cluster.port()));
    let (address, silenced) = silent(TcpListener::bind("127.0.0.1:0").unwrap(), Some(server));
    let home = OwnHome::new();
    let child = up(&home, &cluster.url().replace(&server.to_string(), &address.to_string()));
    silenced.recv_timeout(BUILT).expect("`account create-operator` runs a statement");
    let started = children(child.id());
    assert!(!started.is_empty(), "create-operator runs");
    assert_ends(child, Signal::TERM);
    until_within("create-operator has ended", SOON, || started.iter().all(|id| !lives(*id)));
}

#[test]
fn after_kill_9_nothing_of_a_throw_away_system_stays() {
    let temporary = tempfile::tempdir().unwrap();
    // User postgres must pass through.
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let mut command = lab(&["up", "--ephemeral", "--port-base", "0", "--format", "json"]);
    let (mut child, place) = start_json(command.env("TMPDIR", temporary.path()));
    let up_json = place.up_json.as_deref().expect("the line names its file, which scripts need for --target");
    assert!(up_json.starts_with(temporary.path()));
    assert_eq!(Place::from_file(up_json).unwrap(), place);
    let entries = || fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    assert!(!entries().is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    let mut left = entries();
    for _ in 0..300 {
        left = entries();
        if left.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_database_in_another_collation_is_one_sentence() {
    let cluster = Cluster::find_or_start(&ClusterOptions::ephemeral()).unwrap();
    // As this server makes them by itself: in a collation that knows ASCII alone.
    Session::connect(cluster.url()).unwrap().run("create database govrnanza", "a database").unwrap();
    let home = OwnHome::new();
    let mut command = lab(&["up", "--port-base", "0"]);
    command.env("GOVRNANZA_HOME", home.0.path()).env("DATABASE_URL", cluster.url());
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    let last = said.lines().rfind(|line| line.contains("govrnanza")).unwrap_or_default();
    assert!(status.code() == Some(2) && last.contains("collation libc C") && last.contains("dba bootstrap"), "{said}");
}

#[test]
fn an_invalid_setting_is_named() {
    let mut command = lab(&["up", "--ephemeral", "--port-base", "0"]);
    let Output { status, stderr, .. } = command.env("WRITE_LIMIT_PER_TOKEN", "many").output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(3), "{said}");
    let last = said.trim().lines().last().unwrap();
    assert!(last.contains("WRITE_LIMIT_PER_TOKEN") && last.contains("many"), "{said}");
}

fn up(home: &OwnHome, database_url: &str) -> Child {
    let mut command = lab(&["up", "--port-base", "0"]);
    command.env("GOVRNANZA_HOME", home.0.path()).env("DATABASE_URL", database_url);
    end_with_thread(&mut command);
    command.stderr(Stdio::piped()).spawn().unwrap()
}

/// After the signal it is gone soon, with one sentence and exit code 3.
fn assert_ends(mut child: Child, end: Signal) {
    signal(child.id(), end);
    let mut ended = None;
    for _ in 0..SOON.as_millis() / 50 {
        ended = child.try_wait().unwrap();
        if ended.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    if ended.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let status = ended.unwrap_or_else(|| panic!("{end:?} didn't end it within {SOON:?}: {said}"));
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.trim().ends_with("Stopped before everything was up."), "{said}");
}

/// Stands in front of a server and passes everything on, but the statements of Account's program: it answers nothing to them.
/// Without a server it answers nothing to anybody. Tells of each that it leaves waiting.
fn silent(listener: TcpListener, server: Option<SocketAddr>) -> (SocketAddr, Receiver<()>) {
    let address = listener.local_addr().unwrap();
    let (silenced, told) = mpsc::channel();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let silenced = silenced.clone();
            std::thread::spawn(move || {
                let result = match server {
                    Some(server) => pass_on(client, server, &silenced),
                    None => leave_waiting(client, &silenced),
                };
                // One side went: so does the other.
                drop(result);
            });
        }
    });
    (address, told)
}

fn leave_waiting(mut client: TcpStream, silenced: &Sender<()>) -> io::Result<()> {
    let _ = silenced.send(());
    io::copy(&mut client, &mut io::sink()).map(drop)
}

fn pass_on(mut client: TcpStream, server: SocketAddr, silenced: &Sender<()>) -> io::Result<()> {
    let first = first_message(&mut client)?;
    let mut to = TcpStream::connect(server)?;
    to.write_all(&first)?;
    let (mut from_server, mut to_client) = (to.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let user = b"\0user\0account_";
    if first.windows(user.len()).any(|part| part == user) {
        loop {
            let mut kind = [0];
            client.read_exact(&mut kind)?;
            // Its password, and its goodbye: `dba` tries every login's password.
            if !b"pX".contains(&kind[0]) {
                return leave_waiting(client, silenced);
            }
            to.write_all(&kind)?;
            to.write_all(&message(&mut client)?)?;
        }
    }
    io::copy(&mut client, &mut to)?;
    to.shutdown(Shutdown::Write)
}

/// The start-up message; a wish for TLS before it is declined.
fn first_message(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let first = message(client)?;
    if first[4..] != 80_877_103_u32.to_be_bytes() {
        return Ok(first);
    }
    client.write_all(b"N")?;
    message(client)
}

/// One message, with its length before it.
fn message(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let mut message = length.to_vec();
    message.resize(u32::from_be_bytes(length) as usize, 0);
    client.read_exact(&mut message[4..])?;
    Ok(message)
}
