//! The list of APIs: one statement, composed of the filters that were asked for.
//!
//! Each combination is a text of its own, which diesel caches: the planner sees only the conditions that are there, and
//! takes the index of each (place, owners, tags), where one text for all would read the whole organisation.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid};
use diesel::{PgConnection, QueryResult, RunQueryDsl};
use kit::id::OrganisationId;
use kit::{Error, Keyset, Page, Paged};

use super::apis::{api_columns, api_joins, row};
use super::standing::items;
use crate::model::{Api, ApiFilter};

/// A page of APIs, and how their organisation stands.
struct ListApis<'a> {
    organisation: OrganisationId,
    filter: &'a ApiFilter,
    after: Option<Keyset>,
    limit: i64,
}

impl QueryFragment<Pg> for ListApis<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(concat!("select st.standing, ", api_columns!(), " from (select "));
        out.push_bind_param::<Uuid, _>(&self.organisation)?;
        out.push_sql(
            "::uuid as organisation_id) q
            left join published.standings st on st.organisation_id = q.organisation_id
            left join lateral (
                select a.organisation_id, a.id, a.sub_domain_id, a.name, a.title, a.description,
                    a.business_owner_id, a.technical_owner_id, a.version, a.created_at, a.updated_at
                from registry.apis a
                where a.organisation_id = q.organisation_id",
        );
        self.conditions(out.reborrow())?;
        out.push_sql(" order by a.created_at, a.id limit ");
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(concat!(
            ") a on st.standing is distinct from 'frozen'",
            api_joins!(),
            " order by a.created_at, a.id"
        ));
        Ok(())
    }
}

impl ListApis<'_> {
    fn conditions<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if let Some(after) = &self.after {
            out.push_sql(" and (a.created_at, a.id) > (");
            out.push_bind_param::<Timestamptz, _>(&after.created_at)?;
            out.push_sql(", ");
            out.push_bind_param::<Uuid, _>(&after.id)?;
            out.push_sql(")");
        }
        let filter = self.filter;
        if let Some(domain) = &filter.domain_id {
            out.push_sql(
                " and exists (select from registry.sub_domains x
                where x.organisation_id = a.organisation_id and x.id = a.sub_domain_id and x.domain_id = ",
            );
            out.push_bind_param::<Uuid, _>(domain)?;
            out.push_sql(")");
        }
        if let Some(sub_domain) = &filter.sub_domain_id {
            out.push_sql(" and a.sub_domain_id = ");
            out.push_bind_param::<Uuid, _>(sub_domain)?;
        }
        if let Some(owner) = &filter.owner_id {
            out.push_sql(" and (a.business_owner_id = ");
            out.push_bind_param::<Uuid, _>(owner)?;
            out.push_sql(" or a.technical_owner_id = ");
            out.push_bind_param::<Uuid, _>(owner)?;
            out.push_sql(")");
        }
        if let Some(tag) = &filter.tag {
            out.push_sql(" and exists (select from registry.api_tags x where x.organisation_id = a.organisation_id and x.api_id = a.id and x.tag = ");
            out.push_bind_param::<Text, _>(tag)?;
            out.push_sql(")");
        }
        if let Some(status) = &filter.status {
            out.push_sql(" and exists (select from registry.versions x where x.organisation_id = a.organisation_id and x.api_id = a.id and x.status = ");
            out.push_bind_param::<Text, _>(status)?;
            out.push_sql(")");
        }
        if let Some(prefix) = &filter.q {
            out.push_sql(" and starts_with(lower(a.name), lower(");
            out.push_bind_param::<Text, _>(prefix)?;
            out.push_sql("))");
        }
        Ok(())
    }
}

impl QueryId for ListApis<'_> {
    type QueryId = ();
    // Cached by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for ListApis<'_> {
    type SqlType = (Nullable<Text>, Nullable<row::Api>);
}

impl<Connection> RunQueryDsl<Connection> for ListApis<'_> {}

/// APIs, by creation, narrowed by a filter.
pub fn list(
    c: &mut PgConnection,
    organisation: OrganisationId,
    filter: &ApiFilter,
    page: &Page,
) -> Result<Paged<Api>, Error> {
    let rows = ListApis { organisation, filter, after: page.after, limit: page.fetch() }.load(c)?;
    Ok(page.finish(items(rows)?, |api: &Api| Keyset::new(api.created_at, api.id)))
}
