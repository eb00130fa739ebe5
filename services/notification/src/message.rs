//! A message about a change: who receives it, and what it says to whom.

use uuid::Uuid;

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

/// Who receives a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody whose watch of one of these comes before the change in the feed.
    Watchers(Vec<Target>),
    /// Every admin login of the organisation.
    Admins,
    /// One login, and its address where it no longer exists.
    Login(Uuid, Option<String>),
    /// One person.
    Person(Uuid),
}

/// What a recipient reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    /// As in the contract.
    pub kind: &'static str,
    /// One line.
    pub title: String,
    /// The rest, line by line.
    pub body: String,
}

/// What is sent about a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// To whom.
    pub audience: Audience,
    /// For each [`How`], in its order.
    pub variants: [Variant; 4],
}

impl Message {
    /// Which of the variants somebody reads who is concerned in all these ways. From one watched place to another is a move.
    pub fn variant(how: i32) -> usize {
        let is = |wanted: How| how & wanted as i32 != 0;
        match () {
            () if is(How::Itself) => 0,
            () if is(How::Within) || is(How::Left) && is(How::Joined) => 1,
            () if is(How::Left) => 2,
            () => 3,
        }
    }
}
