//! Tags in use.

use diesel::{PgConnection, RunQueryDsl};
use kit::Error;
use kit::id::OrganisationId;

use super::standing::items;
use crate::model::Tag;

kit::statement! {
    /// A page of the tags of an organisation, and on how many APIs each is.
    ///
    /// Compared byte by byte, as the API's own list of them need not be: a cursor must mean the same on every machine.
    pub struct ListTags<'a>(organisation_id: OrganisationId as Uuid, after: &'a str as Text, limit: i64 as BigInt)
        -> (Nullable<Text>, Nullable<(Text, BigInt)>) =
        r#"select st.standing, g.tag, g.apis
        from (select $1::uuid as organisation_id) q
        left join published.standings st on st.organisation_id = q.organisation_id
        left join lateral (
            select g.tag, count(*) as apis
            from registry.api_tags g
            where g.organisation_id = q.organisation_id and g.tag collate "C" > $2
            group by g.tag
            order by g.tag collate "C"
            limit $3
        ) g on st.standing is distinct from 'frozen'
        order by g.tag collate "C""#
}

/// Tags in use after `after`, by name: up to `limit` and one more.
pub fn list(c: &mut PgConnection, organisation_id: OrganisationId, after: &str, limit: i64) -> Result<Vec<Tag>, Error> {
    items(ListTags { organisation_id, after, limit: limit + 1 }.load(c)?)
}
