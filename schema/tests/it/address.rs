//! Addresses as people write them, and passwords where they keep them: `dba` gets in wherever `psql` does, and nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use schema::cluster::{Cluster, ClusterOptions};
use schema::session::Session;

use crate::support::said;

/// Of every kind that has to be written otherwise somewhere.
const PASSWORD: &str = r"p:w \'é@/?#%&=1";
/// The same in a URL.
const IN_URL: &str = "p%3Aw%20%5C%27%C3%A9%40%2F%3F%23%25%26%3D1";
/// In quotes, as `keyword='value'`.
const IN_WORDS: &str = r"'p:w \\\'é@/?#%&=1'";
/// In the file of passwords.
const IN_FILE: &str = r"p\:w \\'é@/?#%&=1";

/// How the server is named: the text, the variables of the environment, the lines of the service `shop`.
struct Form {
    text: &'static str,
    env: &'static [(&'static str, &'static str)],
    service: &'static str,
}

const fn form(text: &'static str) -> Form {
    Form { text, env: &[], service: "" }
}

const FORMS: &[Form] = &[
    form("postgresql://ada@127.0.0.1:{port}/shop"),
    form("postgres://ada@localhost:{port}/shop?connect_timeout=5&application_name=me"),
    form("postgresql://ada@[::1]:{port}/shop"),
    form("postgresql://ada@{folder%}:{port}/shop"),
    form("postgresql:///shop?host={folder}&port={port}&user=ada"),
    form("postgresql://ada@/shop?host={folder%}&port={port}"),
    form("host=127.0.0.1 port={port} user=ada dbname=shop"),
    form("  host = '{folder}'  port={port} user='ada' dbname = shop "),
    form("postgresql://ada@127.0.0.1:1,127.0.0.1:{port}/shop"),
    form("host=127.0.0.1,localhost port=1,{port} user=ada dbname=shop"),
    form("postgresql://ada@127.0.0.1:{port},127.0.0.1:{port}/shop?target_session_attrs=read-write"),
    form("host=nowhere.invalid hostaddr=127.0.0.1 port={port} user=ada dbname=shop"),
    form(
        "postgresql://ada@127.0.0.1:{port}/shop?gssencmode=disable&krbsrvname=x&sslsni=1&sslcompression=0&keepalives_idle=9&channel_binding=prefer",
    ),
    form("postgresql://%61da@127.0.0.1:{port}/%73hop?sslmode=prefer&options=-c%20work_mem%3D1MB"),
    Form {
        text: "postgresql:///?service=shop",
        env: &[],
        service: "host=127.0.0.1\nport={port}\nuser=ada\ndbname=shop\n",
    },
    Form {
        text: "service=shop port={port}",
        env: &[("PGPORT", "1")],
        service: "host=localhost\nport=1\nuser=ada\ndbname=shop\n",
    },
    Form {
        text: "dbname=shop",
        env: &[("PGSERVICE", "shop"), ("PGHOST", "nowhere.invalid")],
        service: "host=127.0.0.1\nport={port}\nuser=ada\n",
    },
    Form {
        text: "postgresql://",
        env: &[
            ("PGHOST", "127.0.0.1"),
            ("PGPORT", "{port}"),
            ("PGUSER", "ada"),
            ("PGDATABASE", "shop"),
            ("PGSSLMODE", "disable"),
        ],
        service: "",
    },
    Form {
        text: "postgresql:///shop",
        env: &[("PGHOST", "{folder}"), ("PGPORT", "{port}"), ("PGUSER", "ada")],
        service: "",
    },
    Form {
        text: "user=ada",
        env: &[("PGHOSTADDR", "127.0.0.1"), ("PGPORT", "{port}"), ("PGDATABASE", "shop")],
        service: "",
    },
    // What both refuse.
    form("postgresql://ada@127.0.0.1:{port}/elsewhere"),
    form("postgresql://ada@127.0.0.1:1,127.0.0.1:2/shop"),
    form("postgresql://ada@127.0.0.1:{port}/shop?sslmode=require"),
    form("postgresql://ada@127.0.0.1:{port}/shop?sslmode=sometimes"),
    form("postgresql://ada@[::1:{port}/shop"),
    form("host=127.0.0.1,127.0.0.1 port={port},1,2 user=ada dbname=shop"),
    form("service=unknown port={port}"),
    Form {
        text: "user=ada",
        env: &[("PGSSLMODE", "verify-full"), ("PGHOST", "127.0.0.1"), ("PGPORT", "{port}")],
        service: "",
    },
];

/// Where the password is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Text,
    Variable,
    /// `~/.pgpass`, each with the lines that hold it.
    Home(&'static str),
    PassfileVariable,
    PassfileWord,
    Service,
    OpenToOthers,
    WrongInText,
    Nowhere,
}

const PLACES: &[Place] = &[
    Place::Text,
    Place::Variable,
    Place::Home("# mine\n*:1:*:*:no\n*:*:shop:ada:{password}\n*:*:*:*:no\n"),
    Place::Home("127.0.0.1:{port}:shop:ada:{password}\nlocalhost:{port}:*:ada:{password}\n"),
    Place::Home("{folder}:{port}:shop:ada:{password}\n[::1]:{port}:shop:ada:{password}\n"),
    Place::Home("\\:\\:1:{port}:shop:\\ada:{password}\nnowhere.invalid:{port}:shop:ada:{password}\r\n"),
    Place::PassfileVariable,
    Place::PassfileWord,
    Place::Service,
    Place::OpenToOthers,
    Place::WrongInText,
    Place::Nowhere,
];

struct Server {
    cluster: Cluster,
    home: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let settings = vec!["listen_addresses = '127.0.0.1, ::1'".to_owned()];
        let cluster = Cluster::find_or_start(&ClusterOptions { settings, ..ClusterOptions::ephemeral() }).unwrap();
        let mut session = Session::connect(cluster.url()).unwrap();
        let password = PASSWORD.replace('\'', "''");
        session.run(&format!("create role ada login password '{password}'"), "a login").unwrap();
        session.run("create database shop owner ada", "a database").unwrap();
        Self { cluster, home: tempfile::tempdir().unwrap() }
    }

    fn fill(&self, text: &str) -> String {
        let folder = self.cluster.home().unwrap().join("postgres/run").display().to_string();
        let text = text.replace("{port}", &self.cluster.port().to_string()).replace("{folder}", &folder);
        text.replace("{folder%}", &folder.replace('/', "%2F")).replace("{password}", IN_FILE)
    }

    fn keep(&self, name: &str, text: &str, mode: u32) -> String {
        let file = self.home.path().join(name);
        fs::write(&file, self.fill(text)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        file.display().to_string()
    }

    /// What psql and dba do with the same text, variables and files.
    fn both(&self, form: &Form, place: Place) -> [Output; 2] {
        for file in fs::read_dir(self.home.path()).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        let mut text = self.fill(form.text);
        let mut env: Vec<_> = form.env.iter().map(|(name, value)| ((*name).to_owned(), self.fill(value))).collect();
        let mut service = form.service.to_owned();
        let is_url = text.starts_with("postgres");
        let mut add = |name: &str, in_url: &str, in_words: &str| {
            let sign = if text.contains('?') { '&' } else { '?' };
            // A query belongs after the path.
            let path = if text.ends_with("//") { "/" } else { "" };
            let more = if is_url { format!("{path}{sign}{name}={in_url}") } else { format!(" {name}={in_words}") };
            text.push_str(&more);
        };
        match place {
            Place::Text => add("password", IN_URL, IN_WORDS),
            Place::WrongInText => {
                add("password", "wrong", "wrong");
                env.push(("PGPASSWORD".to_owned(), PASSWORD.to_owned()));
            }
            Place::Variable => env.push(("PGPASSWORD".to_owned(), PASSWORD.to_owned())),
            Place::Home(lines) => drop(self.keep(".pgpass", lines, 0o600)),
            Place::PassfileVariable => {
                env.push(("PGPASSFILE".to_owned(), self.keep("mine", "*:*:*:ada:{password}\n", 0o600)));
            }
            Place::PassfileWord => {
                let file = self.keep("mine", "*:*:*:ada:{password}\n", 0o600);
                add("passfile", &file, &file);
            }
            Place::Service => service.push_str(&format!("password={PASSWORD}\n")),
            Place::OpenToOthers => drop(self.keep(".pgpass", "*:*:*:*:{password}\n", 0o640)),
            Place::Nowhere => {}
        }
        if !service.is_empty() {
            let lines = format!("# services\n[other]\nhost=nowhere.invalid\n[shop]\n{service}[shop]\nport=2\n");
            let file = self.keep("services", &lines, 0o644);
            env.push(("PGSERVICEFILE".to_owned(), file));
            if matches!(place, Place::Service) && form.service.is_empty() {
                env.push(("PGSERVICE".to_owned(), "shop".to_owned()));
            }
        }
        let run = |mut command: Command| {
            command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.home.path());
            command.envs(env.iter().map(|(name, value)| (name, value)));
            command
        };
        let mut psql = run(Command::new("psql"));
        psql.args(["-X", "--no-password", "-Atc", "select current_user || ' in ' || current_database()", "-d", &text]);
        let mut dba = run(Command::new(env!("CARGO_BIN_EXE_dba")));
        dba.args(["cluster", "status"]).env("DATABASE_URL", &text);
        [psql.output().unwrap(), dba.output().unwrap()]
    }
}

#[test]
fn dba_gets_in_where_psql_gets_in() {
    let server = Server::start();
    let (mut otherwise, mut showing, mut reached) = (Vec::new(), Vec::new(), 0);
    for form in FORMS {
        for place in PLACES {
            let [psql, dba] = server.both(form, *place);
            let ((_, _, why), (code, out, err)) = (said(&psql), said(&dba));
            let shown = format!("{out}{err}");
            if ["p:w", "p\\:w", "p%3Aw", "wrong"].iter().any(|secret| shown.contains(secret)) {
                showing.push(format!("{} {place:?}: {shown}", form.text));
            }
            reached += usize::from(psql.status.success());
            if psql.status.success() != dba.status.success() {
                otherwise.push(format!("{} {place:?}: psql {why:?}, dba {code} {err:?}", form.text));
            }
        }
    }
    let tried = FORMS.len() * PLACES.len();
    eprintln!("{tried} tried; psql got in {reached} times, dba did otherwise {} times", otherwise.len());
    eprintln!("a password was shown {} times", showing.len());
    assert!(reached > tried / 3, "{reached}");
    assert!(otherwise.is_empty() && showing.is_empty(), "{}\n{}", otherwise.join("\n"), showing.join("\n"));
}

/// Read by whoever mends it: what is wrong, and never the text, which may hold a password.
#[test]
fn what_cant_be_read_is_said_without_quoting_it() {
    for (text, why) in [
        ("mysql://ada:secret@host/shop", "scheme"),
        ("postgresql://ada:se/secret@host/shop", "port"),
        ("postgresql://ada:%zz-secret@host/shop", "hexadecimal"),
        ("host=here password=my secret", "without ="),
        ("host=here password='my secret", "isn't closed"),
        ("postgresql://ada:secret@host:99999/shop", "65535"),
        ("postgresql://ada:secret@host/shop?sslrootcert=/no/such/file", "/no/such/file"),
        ("postgresql://ada:secret@host/shop?sslmode=verify-full", "sslrootcert"),
        ("postgresql://ada:secret@host/shop?sslmode=require&sslrootcert=system", "verify-full"),
        ("postgresql://ada:secret@host/shop?sslcert=/dev/null", "sslkey"),
        ("postgresql://ada:secret@host/shop?connect_timeout=soon", "connect_timeout"),
    ] {
        let mut dba = Command::new(env!("CARGO_BIN_EXE_dba"));
        dba.args(["cluster", "status"]).env("DATABASE_URL", text).env("HOME", "/nonexistent");
        let (code, out, err) = said(&dba.output().unwrap());
        assert_eq!(code, 2, "{text}: {err}");
        assert!(err.contains(why) && out.is_empty(), "{text}: {err}");
        assert!(!err.contains("secret") && err.lines().count() == 1, "{text}: {err}");
    }
}

/// An unknown name is named, once, and what it was meant for goes on.
#[test]
fn an_unknown_parameter_is_passed_over_with_a_warning() {
    let server = Server::start();
    let url = format!("{}?colour=blue&gssdelegation=0", server.cluster.url());
    let mut dba = Command::new(env!("CARGO_BIN_EXE_dba"));
    dba.args(["roles", "matrix"]).env("DATABASE_URL", &url).env("HOME", Path::new("/nonexistent"));
    let (code, _, err) = said(&dba.output().unwrap());
    assert_eq!(code, 0, "{err}");
    assert_eq!(err.matches("`colour`").count(), 1, "{err}");
    assert!(!err.contains("gssdelegation"), "{err}");
}

/// What the environment says is about another server than the one that is started here.
#[test]
fn the_private_server_is_reached_whatever_the_environment_says_of_another() {
    let mut dba = Command::new(env!("CARGO_BIN_EXE_dba"));
    dba.args(["schema", "--check", "--root", concat!(env!("CARGO_MANIFEST_DIR"), "/..")]);
    dba.envs([("PGSSLMODE", "verify-full"), ("PGHOSTADDR", "192.0.2.1"), ("PGCHANNELBINDING", "require")]);
    dba.env_remove("DATABASE_URL").env("PGTARGETSESSIONATTRS", "standby").env("PGUSER", "nobody");
    let (code, out, err) = said(&dba.output().unwrap());
    assert_eq!(code, 0, "{out}{err}");
}
