//! People and passwords made from a seed: the same seed makes the same ones, so that a second run finds what a first made.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

const FIRST: &[&str] = &[
    "Ada", "Amara", "Anders", "Aylin", "Beatriz", "Bruno", "Chiara", "Dmitri", "Elif", "Emre", "Farah", "Finn",
    "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jonas", "Kaito", "Lena", "Liam", "Maya", "Mehdi", "Nadia", "Noor",
    "Olga", "Pedro", "Priya", "Ravi", "Rosa", "Sofia", "Tariq", "Uma", "Vera", "Wanjiru", "Yusuf",
];
const LAST: &[&str] = &[
    "Abebe", "Almeida", "Bakker", "Berg", "Castro", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad",
    "Hansen", "Ito", "Jansen", "Kaya", "Keller", "Kim", "Kowalska", "Larsen", "Lopez", "Mbeki", "Moreau", "Nakamura",
    "Novak", "Okafor", "Olsen", "Patel", "Rossi", "Sato", "Schmidt", "Silva", "Tanaka", "Virtanen", "Weber", "Yilmaz",
];
const TITLES: &[&str] = &[
    "API Product Owner",
    "Business Analyst",
    "Domain Architect",
    "Engineering Manager",
    "Head of Platform",
    "Integration Engineer",
    "Product Manager",
    "Software Engineer",
    "Solution Architect",
    "Tech Lead",
];
const ZONES: &[&str] = &[
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Europe/Amsterdam",
    "Europe/Berlin",
    "Europe/London",
    "UTC",
];

/// Somebody who may own APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// First and last name.
    pub name: String,
    /// What they do.
    pub job_title: &'static str,
    /// Under `.example`: nobody's.
    pub email: String,
    /// IANA name.
    pub time_zone: &'static str,
}

/// Where everything generated comes from.
pub struct Seed(hmac::Key);

impl Seed {
    /// Any text will do.
    pub fn new(text: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()))
    }

    /// A keyed hash of the words; the byte between them can't stand in a name.
    fn bytes(&self, words: &[&str]) -> [u8; 32] {
        let tag = hmac::sign(&self.0, words.join("\0").as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    /// A number below `below`, the same for the same words.
    pub fn pick(&self, words: &[&str], below: usize) -> usize {
        let [a, b, c, d, ..] = self.bytes(words);
        u32::from_be_bytes([a, b, c, d]) as usize % below.max(1)
    }

    /// The password of the organisation's admin: nobody can guess it without the seed.
    pub fn password(&self, tenant: &str) -> String {
        URL_SAFE_NO_PAD.encode(&self.bytes(&["password", tenant])[..24])
    }

    /// The `count` first people of an organisation; asking for more later keeps the first ones.
    pub fn people(&self, tenant: &str, count: usize) -> Vec<Person> {
        (0..count).map(|index| self.person(tenant, index)).collect()
    }

    fn person(&self, tenant: &str, index: usize) -> Person {
        let bytes = self.bytes(&["person", tenant, &index.to_string()]);
        let of = |list: &[&'static str], byte: u8| list[usize::from(byte) % list.len()];
        let (first, last) = (of(FIRST, bytes[0]), of(LAST, bytes[1]));
        // The index keeps two people of one name apart.
        let local = format!("{first}.{last}.{}", index + 1).to_lowercase();
        Person {
            name: format!("{first} {last}"),
            job_title: of(TITLES, bytes[2]),
            email: format!("{local}@{}", host(tenant)),
            time_zone: of(ZONES, bytes[3]),
        }
    }
}

/// The e-mail address of the organisation's admin login.
pub fn admin_email(tenant: &str) -> String {
    format!("admin@{}", host(tenant))
}

/// A host name that belongs to nobody (RFC 2606). Two tenants that differ only in letters no host may hold get different
/// ones, because login addresses are unique platform-wide.
fn host(tenant: &str) -> String {
    let lower = tenant.to_lowercase();
    let plain: String = lower.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let clean = lower.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-'));
    let label = |text: &str| text.trim_matches('-').chars().take(50).collect::<String>();
    let labels: Vec<String> = lower.split('.').map(label).collect();
    if clean && labels.iter().all(|label| !label.is_empty()) && labels.join(".") == lower {
        return format!("{lower}.example");
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, tenant.as_bytes());
    let suffix: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{}x{suffix}.example", label(&plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_people() {
        let seed = Seed::new("1");
        assert_eq!(seed.people("a.com", 3), Seed::new("1").people("a.com", 3));
        assert_eq!(seed.people("a.com", 3)[..2], seed.people("a.com", 2)[..]);
        assert_ne!(seed.people("a.com", 3), Seed::new("2").people("a.com", 3));
        assert_ne!(seed.people("a.com", 3), seed.people("b.com", 3));
    }

    #[test]
    fn passwords_are_long_and_differ() {
        let seed = Seed::new("1");
        assert_eq!(seed.password("a.com").len(), 32);
        assert_ne!(seed.password("a.com"), seed.password("b.com"));
        assert_ne!(seed.password("a.com"), Seed::new("2").password("a.com"));
    }

    #[test]
    fn addresses_never_meet() {
        assert_eq!(admin_email("a.com"), "admin@a.com.example");
        assert_eq!(admin_email("A.com"), "admin@a.com.example", "organisations' names don't differ by case either");
        let hosts = ["a b", "a-b", "a_b", "é", "ê", "-", "a..b", "a.b", &"x".repeat(300)].map(admin_email);
        for (index, one) in hosts.iter().enumerate() {
            assert!(one.len() < 120 && one.is_ascii(), "{one}");
            assert!(!hosts[..index].contains(one), "{one}");
        }
    }
}
