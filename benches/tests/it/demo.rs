//! `docs/deploy/demo` without a Docker: its commands run as they stand there, with addresses of this machine in place of names; and the
//! image gets what it is built of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use schema::ports::free_port;
use schema::testing::TestCluster;
use serde_yaml_ng::{Mapping, Value};

use crate::processes::OwnHome;
use crate::support::{LAB, end_with_thread, lab, shared, until};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const IMAGE: &str = "govrnanza-demo";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

fn services() -> BTreeMap<String, Mapping> {
    let mut all: Value = serde_yaml_ng::from_str(&read("docs/deploy/demo/compose.yaml")).unwrap();
    // What is merged may itself say what to merge: once for each depth.
    for _ in 0..2 {
        all.apply_merge().unwrap();
    }
    let services = all["services"].as_mapping().unwrap().iter();
    services.map(|(name, of)| (name.as_str().unwrap().to_owned(), of.as_mapping().unwrap().clone())).collect()
}

/// A list of texts; none where it isn't there.
fn words(of: &Mapping, key: &str) -> Vec<String> {
    let list = of.get(key).and_then(Value::as_sequence).into_iter().flatten();
    list.map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Entrypoint and command: what the container runs. Where that is a shell, Compose takes `$$` for `$`.
fn command(of: &Mapping) -> Vec<String> {
    let all = [words(of, "entrypoint"), words(of, "command")].concat();
    all.into_iter().map(|word| word.replace("$$", "$")).collect()
}

fn environment(of: &Mapping) -> Vec<(String, String)> {
    let all = of.get("environment").and_then(Value::as_mapping).into_iter().flatten();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.as_i64().unwrap().to_string(),
    };
    all.map(|(name, value)| (name.as_str().unwrap().to_owned(), text(value))).collect()
}

/// What the demo's names mean on this machine.
struct Here {
    cluster: TestCluster,
    ports: BTreeMap<String, u16>,
    smtp: u16,
    folder: OwnHome,
}

impl Here {
    fn new() -> Self {
        // What stands beside `lab` is built by now.
        shared();
        let ports = services().into_keys().map(|name| (name, free_port().unwrap())).collect();
        Self { cluster: TestCluster::bare(), ports, smtp: free_port().unwrap(), folder: OwnHome::new() }
    }

    /// A text of the demo with addresses of this machine.
    fn translate(&self, service: &str, text: &str) -> String {
        let superuser = url::Url::parse(&self.cluster.url("postgres", "superuser")).unwrap();
        let login = format!("{}:{}", superuser.username(), superuser.password().unwrap_or_default());
        let smtp = self.smtp.to_string();
        let text = match text {
            "mail-sink" => "127.0.0.1",
            "2525" => &smtp,
            text => text,
        };
        let mut text = text
            .replace("0.0.0.0:8000", &format!("127.0.0.1:{}", self.ports[service]))
            .replace("0.0.0.0:2525", &format!("127.0.0.1:{smtp}"))
            .replace("0.0.0.0:8110", "127.0.0.1:0")
            .replace("//postgres:demo@", &format!("//{login}@"))
            .replace("@postgres/", &format!("@127.0.0.1:{}/", superuser.port().unwrap()))
            .replace("/tmp/", &format!("{}/", self.folder.0.path().display()));
        for (name, port) in &self.ports {
            text = text.replace(&format!("http://{name}:8000"), &format!("http://127.0.0.1:{port}"));
        }
        text
    }

    /// What the container of a service runs.
    fn container(&self, service: &str) -> Command {
        let of = &services()[service];
        let mut words = command(of).into_iter();
        let programs = Path::new(LAB).parent().unwrap();
        let program = words.next().unwrap();
        let words = words.map(|word| self.translate(service, &word));
        // Those of the image, not what a machine may have by these names.
        let own = programs.join(&program);
        let mut command = Command::new(if own.is_file() { own } else { PathBuf::from(program) });
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        command.args(words).env_remove("DATABASE_URL").env("PATH", path).stdin(Stdio::null());
        command.envs(environment(of).into_iter().map(|(name, value)| (name, self.translate(service, &value))));
        command
    }

    fn start(&self, service: &str) -> Child {
        let mut command = self.container(service);
        end_with_thread(&mut command);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn is_ready(&self, service: &str) -> bool {
        ureq::get(format!("http://127.0.0.1:{}/readyz", self.ports[service])).call().is_ok()
    }
}

#[test]
fn the_demos_commands_run_as_they_stand_there() {
    let here = Here::new();
    let made = here.container("schema").output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut running: Vec<Child> = Vec::new();
    for (name, of) in &services() {
        let is_started = of.get("image").and_then(Value::as_str) == Some(IMAGE) && !of.contains_key("profiles");
        if is_started && !["schema", "watch"].contains(&name.as_str()) {
            running.push(here.start(name));
        }
    }
    // Their logs are read, or they would stand still once the pipe is full.
    for child in &mut running {
        let mut log = child.stdout.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    }
    for name in lab::system::services::names() {
        until("all five are ready", || here.is_ready(name));
    }
    let target = here.folder.0.path().join("target.toml");
    fs::write(&target, here.translate("lab", &read("docs/deploy/demo/target.toml"))).unwrap();
    let probed = lab(&["probe", "--target"]).arg(&target).output().unwrap();
    assert!(probed.status.success(), "{}", String::from_utf8_lossy(&probed.stdout));

    let mut watch = here.start("watch");
    let mut page = String::new();
    BufReader::new(watch.stdout.take().unwrap()).read_line(&mut page).unwrap();
    let page = ureq::get(page.trim()).call().unwrap().into_body().read_to_string().unwrap();
    assert!(page.contains("Who blocks whom now"), "{page}");
    for child in running.iter_mut().chain([&mut watch]) {
        assert!(child.try_wait().unwrap().is_none(), "none of them has ended");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn what_its_readme_types_are_commands_of_the_lab() {
    let readme = read("docs/deploy/demo/README.md").replace("\\\n", " ");
    let typed: Vec<&str> = readme.lines().flat_map(|line| line.split("docker compose run --rm ").skip(1)).collect();
    assert!(typed.len() >= 4, "{typed:?}");
    for line in typed {
        let line = line.split('`').next().unwrap().trim_start_matches("--no-deps ");
        let words: Vec<&str> = line.strip_prefix("lab ").unwrap().split_whitespace().collect();
        let output = lab(&words).arg("--help").output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(Path::new(ROOT).join("benches/data/catalogue.jsonl").is_file(), "what is imported is in the image");
}

#[test]
fn its_image_holds_what_its_containers_run_and_listens_here_alone() {
    let dockerfile = read("docs/deploy/Dockerfile");
    let stage = dockerfile.split(" AS demo\n").nth(1).unwrap().split("\nFROM ").next().unwrap();
    let mut published = BTreeSet::new();
    for (name, of) in &services() {
        if of.get("image").and_then(Value::as_str) != Some(IMAGE) {
            continue;
        }
        assert_eq!(of["build"]["target"].as_str(), Some("demo"), "{name}");
        let said = command(of).join(" ");
        let program = match said.strip_prefix("/bin/sh -ec ") {
            Some(script) => script.split(' ').find(|word| ["dba", "account"].contains(word)).unwrap(),
            None => said.split(' ').next().unwrap(),
        };
        assert!(stage.contains(&format!("/src/target/release/{program}")), "{name} runs {program}");
        let listen = environment(of).into_iter().find(|(variable, _)| variable == "LISTEN").map(|(_, value)| value);
        for port in words(of, "ports") {
            let (outside, inside) = port.strip_prefix("127.0.0.1:").unwrap().split_once(':').unwrap();
            assert!(published.insert(outside.to_owned()), "{name}: {outside} is taken");
            let listens = listen.as_ref().is_some_and(|at| at.ends_with(&format!(":{inside}")));
            assert!(listens || said.contains(&format!("0.0.0.0:{inside}")), "{name} doesn't listen on {inside}");
        }
    }
    assert_eq!(published.len(), 8, "{published:?}");
}

/// Both images: cargo reads the manifests of all members, and sources take in files of other folders.
#[test]
fn the_images_get_every_source_that_they_are_built_of() {
    let dockerfile = read("docs/deploy/Dockerfile");
    let stage = dockerfile.split("\nFROM ").nth(1).unwrap();
    let copied: Vec<&str> = stage
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' '))
        .collect();
    let is_copied = |path: &Path| copied.iter().any(|from| path.starts_with(from));
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    for member in members.iter().map(|member| member.as_str().unwrap()) {
        assert!(is_copied(Path::new(member)), "the member {member} isn't copied");
        for (file, text) in sources(&Path::new(ROOT).join(member).join("src")) {
            for included in text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let from_root = file.parent().unwrap().join(included).canonicalize();
                // What a comment shows isn't there.
                let Ok(path) = from_root else { continue };
                let path = path.strip_prefix(Path::new(ROOT).canonicalize().unwrap()).unwrap().to_owned();
                assert!(is_copied(&path), "{} takes in {}, which isn't copied", file.display(), path.display());
            }
        }
    }
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let read = |path: PathBuf| match path.extension().is_some_and(|end| end == "rs") {
        true => vec![(path.clone(), fs::read_to_string(&path).unwrap())],
        false if path.is_dir() => sources(&path),
        false => Vec::new(),
    };
    entries.flat_map(read).collect()
}
