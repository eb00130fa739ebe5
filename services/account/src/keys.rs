//! Signing keys: Ed25519, from `JWT_SIGNING_KEY`, known by the RFC 7638 thumbprint of their public half.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use sha2::{Digest, Sha256};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// PKCS#8 version 1 of an Ed25519 key (RFC 8410) up to its 32 secret bytes; version 2, which ring makes, OpenSSL can't read.
const PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// One key pair. Not `Debug`: half of it is secret.
#[derive(Clone)]
pub struct SigningKey {
    /// The thumbprint: a token's `kid`, and the row's id.
    pub id: String,
    /// The public half as a JWK, JSON text.
    pub jwk: String,
    /// The secret half.
    pub secret: EncodingKey,
    /// Made of the secret half, for [`BodySecret`].
    derived: [u8; 32],
}

/// Keys the fingerprints of request bodies that hold passwords: a bare hash of one would let who reads it guess fast.
///
/// It is made of the key that signs, so that all processes of a service agree; after a rotation a repeated request with an
/// Idempotency-Key from before is refused, not done twice.
#[derive(Clone)]
pub struct BodySecret(pub [u8; 32]);

impl BodySecret {
    /// The secret that goes with a key.
    pub fn of(key: &SigningKey) -> Self {
        Self(key.derived)
    }
}

impl SigningKey {
    fn from_pkcs8(der: &[u8]) -> Result<Self, String> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map_err(|error| format!("not an Ed25519 key in PKCS#8: {error}"))?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        // Exactly these members in exactly this order: that is what RFC 7638 hashes.
        let thumbprint = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(thumbprint));
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": id, "alg": "EdDSA", "use": "sig"});
        Ok(Self { jwk: jwk.to_string(), secret: EncodingKey::from_ed_der(der), derived: derive(der), id })
    }
}

/// Another secret for another purpose.
fn derive(der: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"govrnanza request bodies");
    hash.update(der);
    hash.finalize().into()
}

/// Reads one or several PEM blocks; the first key signs. `\n` may be written as such, as env files demand.
pub fn parse(pems: &str) -> Result<Vec<SigningKey>, String> {
    let text = pems.replace("\\n", "\n");
    let mut keys: Vec<SigningKey> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let body = rest.strip_prefix(BEGIN).ok_or(format!("expected {BEGIN}"))?;
        let (body, after) = body.split_once(END).ok_or(format!("expected {END}"))?;
        let packed: String = body.split_whitespace().collect();
        let der = STANDARD.decode(packed).map_err(|_| "a PEM block that is not base64".to_owned())?;
        let key = SigningKey::from_pkcs8(&der)?;
        if keys.iter().any(|other| other.id == key.id) {
            return Err("the same key twice".into());
        }
        keys.push(key);
        rest = after.trim();
    }
    if keys.is_empty() { Err("no key in it".into()) } else { Ok(keys) }
}

/// A fresh key as PEM.
pub fn generate() -> Result<String, String> {
    let mut der = PKCS8_HEAD.to_vec();
    der.resize(PKCS8_HEAD.len() + 32, 0);
    SystemRandom::new().fill(&mut der[PKCS8_HEAD.len()..]).map_err(|_| "the system gives no randomness".to_owned())?;
    Ok(format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8037, appendix A: its secret, its public key and its thumbprint.
    #[test]
    fn the_example_of_the_rfc() {
        let d = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let pem = format!("{BEGIN}\n{}\n{END}", STANDARD.encode([PKCS8_HEAD.as_slice(), &d].concat()));
        let keys = parse(&pem).unwrap();
        assert_eq!(keys[0].id, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert!(keys[0].jwk.contains("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    }

    #[test]
    fn several_keys_and_escaped_line_breaks() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        let keys = parse(&format!("{one}{two}")).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(parse(&one.replace('\n', "\\n")).unwrap()[0].id, keys[0].id);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let one = generate().unwrap();
        for bad in
            ["", "key", BEGIN, &format!("{BEGIN}\n!!\n{END}"), &format!("{BEGIN}\nAAAA\n{END}"), &format!("{one}{one}")]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
