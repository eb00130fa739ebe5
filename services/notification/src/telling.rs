//! Who is told what of a change. Pure: what a change says, and nothing else.

use serde_json::Value;
use uuid::Uuid;

use crate::feed::Change;
use crate::story::Story;
use crate::words::Names;

/// How a watched thing is concerned. The values are bits: one person may watch several things that a change concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is what changed.
    Itself = 1,
    /// What changed is in it, and stays.
    Within = 2,
    /// What changed was in it, and is no longer.
    Left = 4,
    /// What changed wasn't in it, and now is.
    Joined = 8,
}

/// A thing that people may watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `api`, `domain` or `subDomain`.
    pub kind: &'static str,
    /// Its id.
    pub id: Uuid,
    /// How it is concerned.
    pub how: How,
}

/// Who is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever watched one of these at the change's time.
    Watchers(Vec<Target>),
    /// Every admin login of the organisation.
    Admins,
    /// One login, and its address where it no longer exists.
    Login(Uuid, Option<String>),
    /// One person.
    Person(Uuid),
}

/// What one of them reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// As in the contract.
    pub kind: &'static str,
    /// One line.
    pub title: String,
    /// The rest, line by line.
    pub body: String,
}

/// A change, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// To whom.
    pub audience: Audience,
    /// For each [`How`], in its order.
    pub words: [Words; 4],
}

impl Telling {
    /// Which of the words somebody reads who is concerned in all these ways. From one watched place to another is a move.
    pub fn variant(how: i32) -> usize {
        let is = |wanted: How| how & wanted as i32 != 0;
        match () {
            () if is(How::Itself) => 0,
            () if is(How::Within) || is(How::Left) && is(How::Joined) => 1,
            () if is(How::Left) => 2,
            () => 3,
        }
    }

    /// The same words for everybody.
    pub(crate) fn same(audience: Audience, words: Words) -> Self {
        Self { audience, words: [words.clone(), words.clone(), words.clone(), words] }
    }
}

/// Who is told of a change, and what; none where nobody is.
pub fn tell(change: &Change, names: &Names, by: &str) -> Option<Telling> {
    let null = Value::Null;
    let story = Story {
        change,
        names,
        by,
        before: change.before.as_ref().unwrap_or(&null),
        after: change.after.as_ref().unwrap_or(&null),
    };
    match change.kind.as_str() {
        kind if kind.starts_with("Api") || kind.starts_with("Version") => story.api(),
        kind if kind.starts_with("SubDomain") => story.sub_domain(),
        kind if kind.starts_with("Domain") => story.domain(),
        kind if kind.starts_with("Login") || kind == "PasswordModified" => story.login(),
        "ProfileModified" | "NotificationSettingsModified" => story.profile(),
        _ => story.organisation(),
    }
}
