//! A server that takes connections by TLS alone, and the authority that its certificate is of: both made here.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use connection::Address;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use crate::apply::{ApplyOptions, install};
use crate::cluster::account::Account;
use crate::cluster::{Cluster, ClusterOptions};
use crate::embedded::DATABASE;
use crate::passwords::Passwords;

/// A key and its certificate.
struct Pair {
    key: PKey<Private>,
    certificate: X509,
}

impl Pair {
    /// For this name, by `authority`; one of its own where there is none.
    fn new(name: &str, authority: Option<&Self>) -> Result<Self, ErrorStack> {
        let key = PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?)?)?;
        let mut subject = X509NameBuilder::new()?;
        subject.append_entry_by_text("CN", name)?;
        let subject = subject.build();
        let mut made = X509::builder()?;
        made.set_version(2)?;
        let mut serial = BigNum::new()?;
        serial.rand(128, MsbOption::MAYBE_ZERO, false)?;
        let serial = serial.to_asn1_integer()?;
        made.set_serial_number(&serial)?;
        made.set_subject_name(&subject)?;
        made.set_issuer_name(authority.map_or(&*subject, |authority| authority.certificate.subject_name()))?;
        made.set_pubkey(&key)?;
        let (from, until) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(2)?);
        made.set_not_before(&from)?;
        made.set_not_after(&until)?;
        if authority.is_none() {
            made.append_extension(BasicConstraints::new().critical().ca().build()?)?;
            made.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        } else {
            let names = SubjectAlternativeName::new().dns(name).build(&made.x509v3_context(None, None))?;
            made.append_extension(names)?;
        }
        made.sign(authority.map_or(&key, |authority| &authority.key), MessageDigest::sha256())?;
        Ok(Self { key, certificate: made.build() })
    }

    /// `<name>.crt`, and `<name>.key` for its owner alone.
    fn save(&self, folder: &Path, name: &str) -> std::io::Result<(PathBuf, PathBuf)> {
        let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        fs::write(&certificate, self.certificate.to_pem()?)?;
        fs::write(&key, self.key.private_key_to_pem_pkcs8()?)?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        Ok((certificate, key))
    }
}

/// Its certificate is for `localhost`, so that `127.0.0.1` is another name. Without TLS it refuses everybody, and the login `by_card`
/// shows a certificate instead of a password.
pub struct TlsServer {
    cluster: Cluster,
    passwords: Passwords,
    folder: PathBuf,
}

const RULES: &str = "
local all all scram-sha-256
hostssl all by_card all cert
hostssl all all all scram-sha-256
hostnossl all all all reject
";

impl TlsServer {
    /// Starts it, without our database.
    ///
    /// # Panics
    /// Where it can't be started.
    #[must_use]
    pub fn start() -> Self {
        match Self::try_start() {
            Ok(server) => server,
            Err(error) => panic!("no server with TLS: {error}"),
        }
    }

    fn try_start() -> Result<Self, Box<dyn std::error::Error>> {
        let home = tempfile::Builder::new().prefix("govrnanza-tls-").tempdir()?.keep();
        let folder = home.join("tls");
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        let authority = Pair::new("An authority", None)?;
        authority.save(&folder, "authority")?;
        Pair::new("A stranger", None)?.save(&folder, "stranger")?;
        Pair::new("by_card", Some(&authority))?.save(&folder, "by_card")?;
        let (_, key) = Pair::new("localhost", Some(&authority))?.save(&folder, "server")?;
        Account::own(Account::to_drop_to()?.as_ref(), &key)?;
        fs::write(folder.join("rules"), RULES)?;
        let file = |name: &str| folder.join(name).display().to_string();
        let settings = vec![
            "ssl = on".to_owned(),
            format!("ssl_cert_file = '{}'", file("server.crt")),
            format!("ssl_key_file = '{}'", file("server.key")),
            format!("ssl_ca_file = '{}'", file("authority.crt")),
            format!("hba_file = '{}'", file("rules")),
        ];
        let options = ClusterOptions { home: Some(home.clone()), settings, ..ClusterOptions::ephemeral() };
        let cluster = Cluster::find_or_start(&options)?;
        Ok(Self { cluster, passwords: Passwords::load(&home.join("passwords"))?, folder })
    }

    /// With the product's database in it.
    ///
    /// # Panics
    /// Where it can't be started or filled.
    #[must_use]
    pub fn with_product() -> Self {
        let server = Self::start();
        if let Err(error) = install(&server.cluster, DATABASE, &server.passwords, &ApplyOptions::default()) {
            panic!("no database in a server with TLS: {error}");
        }
        server
    }

    /// A file beside the server: `authority.crt`, which its certificate is of, `stranger.crt`, another one; `by_card.crt` and `.key`.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The passwords of our logins.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// The address of a login, or of `superuser`, by this host's name and with parameters of TLS.
    ///
    /// # Panics
    /// Where the parameters can't be.
    #[must_use]
    pub fn url(&self, role: &str, database: &str, host: &str, parameters: &str) -> String {
        let url = match role {
            "superuser" => self.cluster.superuser_url(database),
            role => self.cluster.url_of(role, self.passwords.get(role).unwrap_or_default(), database),
        };
        format!("{}?{parameters}", url.replace("127.0.0.1", host))
    }

    /// Logs in as superuser.
    ///
    /// # Panics
    /// Where that fails.
    #[must_use]
    pub fn superuser(&self) -> postgres::Client {
        match Address::read(self.cluster.url()).and_then(|address| address.connect(|_| {})) {
            Ok(client) => client,
            Err(error) => panic!("the superuser can't connect: {error}"),
        }
    }
}
