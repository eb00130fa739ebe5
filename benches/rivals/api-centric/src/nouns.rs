//! What one service shows another: the nouns of `published`, as data. The owner answers from its view and the consumer
//! writes to its copy by statements that are made of the same lines.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A noun of `published`.
#[derive(Debug, PartialEq, Eq)]
pub struct Noun {
    /// Its name in `published`, and in the path of its internal endpoint.
    pub name: &'static str,
    /// The service that shows it.
    pub owner: &'static str,
    /// The columns of the copy's key, as in `schema/copies.sql`.
    pub key: &'static [&'static str],
    /// The other columns.
    pub columns: &'static [&'static str],
    /// What a new row of the copy gets besides, as SQL: what the owner has there means nothing in another database.
    pub fresh: &'static [(&'static str, &'static str)],
    /// Which rows `x` a question is about, of its organisation `asked.organisation_id` and its ids `asked.ids`.
    pub scope: &'static str,
    /// The version of the owner's own row behind `x`, where there is one: a later version is a later truth, whatever answer
    /// came first.
    pub version: &'static str,
}

const ORGANISATION_IDS: &str = "x.organisation_id = any (asked.ids)";
const WHOLE_ORGANISATION: &str = "x.organisation_id = asked.organisation_id";

/// How many responsibilities of one person are listed: a refusal counts no more than these.
const MOST_RESPONSIBILITIES: u32 = 1_000;

/// Beyond every change: until the feed tells of a watch's beginning and end, all changes known come before them.
const NEVER: &str = "'18446744073709551615'::xid8";

macro_rules! nouns {
    ($($constant:ident $name:literal of $owner:literal by $key:tt with $columns:tt $(fresh $fresh:tt)? where $scope:expr, $version:expr;)+) => {
        $(#[doc = concat!("`published.", $name, "`, shown by ", $owner, ".")]
        pub static $constant: Noun =
            Noun { name: $name, owner: $owner, key: &$key, columns: &$columns, fresh: nouns!(@ $($fresh)?), scope: $scope, version: $version };)+
        /// How many they are.
        pub const COUNT: usize = [$($name),+].len();
        /// All nouns that are fetched by questions.
        pub static NOUNS: [&Noun; COUNT] = [$(&$constant),+];
    };
    (@) => { &[] };
    (@ $fresh:tt) => { &$fresh };
}

nouns! {
    ORGANISATIONS "organisations" of "account" by ["id"] with ["name", "plan_code", "created_at"]
        where "x.id = any (asked.ids)", "(select o.version from account.organisations o where o.id = x.id)";
    PLANS "plans" of "account" by ["code"]
        with ["kind", "currency", "monthly_price_cents", "api_limit", "domain_limit", "sub_domain_limit", "user_limit",
            "api_price_cents", "domain_price_cents", "sub_domain_price_cents", "user_price_cents"]
        where "true", "(select p.version from account.plans p where p.code = x.code)";
    LOGIN_CONTACTS "login_contacts" of "account" by ["login_id"]
        with ["organisation_id", "profile_id", "email", "scope", "disabled_at", "password_expires_at", "invitation_id"]
        where WHOLE_ORGANISATION, "null::bigint";
    SIGNING_KEYS "signing_keys" of "account" by ["id"] with ["public_key", "valid_from", "valid_until"]
        where "true", "null::bigint";
    PERSONS "persons" of "profile" by ["organisation_id", "id"] with ["name", "job_title"]
        where WHOLE_ORGANISATION, "(select p.version from profile.profiles p where p.organisation_id = x.organisation_id and p.id = x.id)";
    CONTACTS "contacts" of "profile" by ["organisation_id", "id"] with ["email", "time_zone", "mode", "at", "weekday"]
        where WHOLE_ORGANISATION, "null::bigint";
    HEAD_COUNTS "head_counts" of "profile" by ["organisation_id"] with ["users"]
        where ORGANISATION_IDS, "null::bigint";
    USAGE "usage" of "registry" by ["organisation_id"] with ["apis", "domains", "sub_domains"]
        where ORGANISATION_IDS, "null::bigint";
    RESPONSIBILITIES "responsibilities" of "registry" by ["organisation_id", "profile_id", "kind", "target_id"] with []
        where "x.organisation_id = asked.organisation_id and x.profile_id = any (asked.ids)", "null::bigint";
    WATCHERS "watchers" of "registry" by ["organisation_id", "kind", "target_id", "profile_id", "created_at"]
        with ["ended_at"] fresh [("created_xid", NEVER), ("ended_xid", NEVER)]
        where WHOLE_ORGANISATION, "null::bigint";
    ACCEPTED_INVITATIONS "accepted_invitations" of "notification" by ["invitation_id"] with []
        where "x.invitation_id = any (asked.ids)", "null::bigint";
    STANDINGS "standings" of "billing" by ["organisation_id"] with ["standing", "overdue_since", "frozen_at"]
        where ORGANISATION_IDS, "(select s.version from billing.standings s where s.organisation_id = x.organisation_id)";
}

/// What every statement starts with: the question's organisation and ids, parameters 1 and 2.
const ASKED: &str = "with asked as (select $1::uuid as organisation_id, $2::uuid[] as ids)";

/// A noun's statements.
pub struct Statements {
    /// The owner's answer: every row of its view, with its version.
    pub answer: String,
    /// The rows that the consumer has.
    pub local: String,
    /// Makes the consumer's rows those of the answer `$3`, but for the keys `$4` (each an array of texts as JSON), of which
    /// something newer is known. Its value: how many rows changed.
    pub write: String,
}

/// All of them, by the noun's name and whether ids are given; made once.
static STATEMENTS: LazyLock<HashMap<(&str, bool), Statements>> = LazyLock::new(|| {
    let both = NOUNS.iter().flat_map(|noun| [(*noun, false), (*noun, true)]);
    let made = |(noun, with_ids): (&Noun, bool)| Statements {
        answer: noun.answer(with_ids),
        local: noun.local(with_ids),
        write: noun.write(with_ids),
    };
    both.map(|of| ((of.0.name, of.1), made(of))).collect()
});

impl Noun {
    /// Its statements, for questions with ids or without.
    #[must_use]
    pub fn statements(&self, with_ids: bool) -> &'static Statements {
        &STATEMENTS[&(self.name, with_ids)]
    }

    fn answer(&self, with_ids: bool) -> String {
        let Self { name, version, .. } = self;
        let (row, scope) = (self.row(), self.scope(with_ids));
        // A noun that is nothing but its key may show a row twice. To look for that costs as much as the rest.
        let distinct = if self.columns.is_empty() { "distinct " } else { "" };
        // Who deletes a person asks whether there is one: of ten thousand APIs that it owns, the answer would take longer than anybody waits.
        let from = match *name {
            "responsibilities" => {
                format!("(select x.* from published.{name} x, asked where {scope} limit {MOST_RESPONSIBILITIES}) x")
            }
            _ => format!("published.{name} x, asked where {scope}"),
        };
        format!(
            "{ASKED} select coalesce(jsonb_agg({distinct}jsonb_build_object('version', {version}, 'row', {row})), '[]')::text from {from}"
        )
    }

    fn local(&self, with_ids: bool) -> String {
        let Self { name, .. } = self;
        let (row, scope) = (self.row(), self.scope(with_ids));
        format!("{ASKED} select coalesce(jsonb_agg({row}), '[]')::text from published.{name} x, asked where {scope}")
    }

    /// Which rows: of an organisation's people all, or where ids are given those alone. Two statements: with an `or` neither would
    /// find its rows by the key.
    fn scope(&self, with_ids: bool) -> String {
        match self.name {
            "persons" if with_ids => format!("{} and x.id = any (asked.ids)", self.scope),
            _ => self.scope.to_owned(),
        }
    }

    /// A row `x` as JSON.
    fn row(&self) -> String {
        let members = self.key.iter().chain(self.columns).map(|column| format!("'{column}', x.{column}"));
        format!("jsonb_build_object({})", members.collect::<Vec<_>>().join(", "))
    }

    fn write(&self, with_ids: bool) -> String {
        let Self { name, .. } = self;
        let scope = self.scope(with_ids);
        let list = |columns: &mut dyn Iterator<Item = &&str>, of: &str| {
            columns.map(|column| format!("{of}{column}")).collect::<Vec<_>>().join(", ")
        };
        let all = || self.key.iter().chain(self.columns);
        let texts = self.key.iter().map(|key| format!("x.{key}::text")).collect::<Vec<_>>().join(", ");
        let changes = match self.columns {
            [] => "nothing".to_owned(),
            columns => format!(
                "update set {} where ({}) is distinct from ({})",
                columns.iter().map(|column| format!("{column} = excluded.{column}")).collect::<Vec<_>>().join(", "),
                list(&mut columns.iter(), "x."),
                list(&mut columns.iter(), "excluded."),
            ),
        };
        format!(
            "{ASKED}, new as (select {columns} from jsonb_populate_recordset(null::published.{name}, $3::text::jsonb) n),
            gone as (
                delete from published.{name} x using asked
                where {scope} and not exists (select from new n where ({new_key}) = ({key}))
                    and not $4::text::jsonb @> jsonb_build_array(jsonb_build_array({texts}))
                returning 1
            ), put as (
                insert into published.{name} as x ({names}{fresh_names}) select {columns}{fresh} from new n
                on conflict ({conflict}) do {changes}
                returning 1
            ) select ((select count(*) from gone) + (select count(*) from put))::text",
            columns = list(&mut all(), "n."),
            new_key = list(&mut self.key.iter(), "n."),
            key = list(&mut self.key.iter(), "x."),
            fresh_names = self.fresh.iter().map(|(column, _)| format!(", {column}")).collect::<String>(),
            fresh = self.fresh.iter().map(|(_, value)| format!(", {value}")).collect::<String>(),
            names = list(&mut all(), ""),
            conflict = list(&mut self.key.iter(), ""),
        )
    }
}
