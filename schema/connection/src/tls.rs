//! OpenSSL as libpq sets it up.

use openssl::error::ErrorStack;
use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::store::{X509Lookup, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use postgres_openssl::{MakeTlsConnector, set_postgresql_alpn};

use crate::{Address, Error, Mode};

impl Address {
    /// How TLS is set up for this address.
    pub(crate) fn tls(&self) -> Result<MakeTlsConnector, Error> {
        let broken = |what: &str, error: &ErrorStack| {
            let why = error.errors().iter().find_map(|one| one.reason()).unwrap_or("it can't be read");
            Error::Usage(format!("{what}: {why}"))
        };
        let set_up = |error| broken("TLS can't be set up", &error);
        let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(set_up)?;
        let version = |keyword, usual| match self.get(keyword) {
            Some(name) if name.eq_ignore_ascii_case("TLSv1") => Some(SslVersion::TLS1),
            Some(name) if name.eq_ignore_ascii_case("TLSv1.1") => Some(SslVersion::TLS1_1),
            Some(name) if name.eq_ignore_ascii_case("TLSv1.2") => Some(SslVersion::TLS1_2),
            Some(_) => Some(SslVersion::TLS1_3),
            None => usual,
        };
        builder
            .set_min_proto_version(version("ssl_min_protocol_version", Some(SslVersion::TLS1_2)))
            .and_then(|()| builder.set_max_proto_version(version("ssl_max_protocol_version", None)))
            .map_err(set_up)?;
        if self.get("sslnegotiation") == Some("direct") {
            set_postgresql_alpn(&mut builder).map_err(set_up)?;
        }
        // OpenSSL's own list of authorities is for `system` alone.
        let authorities = self.authorities();
        if self.get("sslrootcert") != Some("system") {
            let mut store = X509StoreBuilder::new().map_err(set_up)?;
            if let (Some(list), true) = (self.get("sslcrl"), authorities.is_some()) {
                let lookup = store.add_lookup(X509Lookup::file()).map_err(set_up)?;
                lookup
                    .load_crl_file(list, SslFiletype::PEM)
                    .map_err(|error| broken(&format!("sslcrl: {list}"), &error))?;
                store.set_flags(X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL).map_err(set_up)?;
            }
            builder.set_cert_store(store.build());
            if let Some(file) = &authorities {
                let what = format!("sslrootcert: {}", file.display());
                builder.set_ca_file(file).map_err(|error| broken(&what, &error))?;
            }
        }
        let is_verified = authorities.is_some() || self.mode() >= Mode::VerifyCa;
        builder.set_verify(if is_verified { SslVerifyMode::PEER } else { SslVerifyMode::NONE });
        if let Some((file, key)) = self.certificate() {
            let what = format!("sslcert: {}", file.display());
            builder.set_certificate_chain_file(&file).map_err(|error| broken(&what, &error))?;
            let what = format!("sslkey: {}", key.display());
            let key = std::fs::read(&key).map_err(|error| Error::Usage(format!("{what}: {error}")))?;
            let secret = self.get("sslpassword").unwrap_or_default().as_bytes();
            let key = openssl::pkey::PKey::private_key_from_pem_passphrase(&key, secret)
                .or_else(|_| openssl::pkey::PKey::private_key_from_der(&key))
                .map_err(|error| broken(&what, &error))?;
            builder.set_private_key(&key).map_err(|error| broken(&what, &error))?;
        }
        let (by_name, sni) = (self.mode() == Mode::VerifyFull, self.get("sslsni") != Some("0"));
        let mut made = MakeTlsConnector::new(builder.build());
        made.set_callback(move |ssl, _| {
            ssl.set_verify_hostname(by_name);
            ssl.set_use_server_name_indication(sni);
            Ok(())
        });
        Ok(made)
    }
}
