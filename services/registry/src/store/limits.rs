//! The plan's limits, exactly: a counter row per organisation, whose lock the creates of one organisation pass one by one.

use diesel::{PgConnection, Queryable, RunQueryDsl};
use kit::Error;
use kit::id::{OrganisationId, ProfileId};
use uuid::Uuid;

use super::owners;
use super::standing::unfrozen;

/// What a reservation found.
#[derive(Debug, Queryable)]
pub struct Reservation {
    standing: Option<String>,
    plan: Option<String>,
    most: Option<i32>,
    placed: bool,
    business: bool,
    technical: bool,
    counted: bool,
    used: Option<i32>,
}

/// The start of a create: what the organisation may and whether all that the new thing refers to is there (`asked`), and one
/// more on the counter if so (`counted`, a row or none). Parameters 1 to 4: organisation, parent, and the two owners.
///
/// A waiter on the counter's row decides again on the row's newest version; the limit stays the one of its snapshot.
macro_rules! counted {
    ($column:literal, $limit:literal, $parent:literal) => {
        concat!(
            "with asked as (
                select st.standing, o.plan_code, p.", $limit, " as most,
                    $2::uuid is null
                        or exists (select from registry.", $parent, " x where x.organisation_id = $1 and x.id = $2) as placed,
                    $3::uuid is null
                        or exists (select from published.persons x where x.organisation_id = $1 and x.id = $3) as business,
                    $4::uuid is null
                        or exists (select from published.persons x where x.organisation_id = $1 and x.id = $4) as technical
                from (select $1::uuid as organisation_id) q
                left join published.organisations o on o.id = q.organisation_id
                left join published.plans p on p.code = o.plan_code
                left join published.standings st on st.organisation_id = q.organisation_id
            ), counted as (
                update registry.usage u set ", $column, " = u.", $column, " + 1
                from asked
                where u.organisation_id = $1 and asked.plan_code is not null
                    and asked.standing is distinct from 'frozen' and asked.placed and asked.business and asked.technical
                    and (asked.most is null or u.", $column, " < asked.most)
                returning u.organisation_id
            )"
        )
    };
}

/// The end of a create: a [`Reservation`].
macro_rules! reservation {
    ($column:literal) => {
        concat!(
            " select asked.standing, asked.plan_code, asked.most, asked.placed, asked.business, asked.technical,
                exists (select from counted),
                (select u.",
            $column,
            " from registry.usage u where u.organisation_id = $1)
            from asked"
        )
    };
}
pub(super) use {counted, reservation};

/// The SQL type of a [`Reservation`].
pub(super) mod row {
    use diesel::sql_types::*;

    /// Standing, plan, limit, three references, counted, used.
    pub type Reservation =
        (Nullable<Text>, Nullable<Text>, Nullable<Integer>, Bool, Bool, Bool, Bool, Nullable<Integer>);
}

kit::statement! {
    /// Counts one more domain if the plan allows it, and says why not.
    pub struct ReserveDomain(
        organisation_id: OrganisationId as Uuid, parent: Option<Uuid> as Nullable<Uuid>,
        business: Option<ProfileId> as Nullable<Uuid>, technical: Option<ProfileId> as Nullable<Uuid>,
    ) -> row::Reservation = concat!(counted!("domains", "domain_limit", "domains"), reservation!("domains"))
}

kit::statement! {
    /// Counts one more sub domain if the plan allows it, and says why not.
    pub struct ReserveSubDomain(
        organisation_id: OrganisationId as Uuid, parent: Option<Uuid> as Nullable<Uuid>,
        business: Option<ProfileId> as Nullable<Uuid>, technical: Option<ProfileId> as Nullable<Uuid>,
    ) -> row::Reservation = concat!(counted!("sub_domains", "sub_domain_limit", "domains"), reservation!("sub_domains"))
}

kit::statement! {
    /// An organisation's first row of counters.
    pub struct CreateUsage(organisation_id: OrganisationId as Uuid) =
        "insert into registry.usage (organisation_id, apis, domains, sub_domains) values ($1, 0, 0, 0) on conflict do nothing"
}

kit::statement! {
    /// One less of one kind: three numbers, one of them 1.
    pub struct Release(organisation_id: OrganisationId as Uuid, apis: i32 as Integer, domains: i32 as Integer, sub_domains: i32 as Integer) =
        "update registry.usage set apis = apis - $2, domains = domains - $3, sub_domains = sub_domains - $4 where organisation_id = $1"
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// APIs.
    Apis,
    /// Domains.
    Domains,
    /// Sub domains.
    SubDomains,
}

impl Resource {
    /// As a problem names it.
    fn name(self) -> &'static str {
        match self {
            Self::Apis => "apis",
            Self::Domains => "domains",
            Self::SubDomains => "subDomains",
        }
    }

    /// Counts one more with `attempt`, or says in the contract's order why not: 402, 404 of the organisation, `missing` for
    /// the parent, 422, 409.
    ///
    /// Holds the counter's row until the transaction ends: whatever else the create needs comes after it, here and in
    /// deletes, so that no two transactions wait for each other.
    pub fn reserve(
        self,
        c: &mut PgConnection,
        organisation_id: OrganisationId,
        attempt: impl Fn(&mut PgConnection) -> Result<Reservation, Error>,
        missing: impl FnOnce() -> Error,
    ) -> Result<(), Error> {
        let mut tried = attempt(c)?;
        if !tried.counted && tried.used.is_none() {
            // Only a row that exists can be at its limit. Another create may be making it: this waits for that one.
            CreateUsage { organisation_id }.execute(c)?;
            tried = attempt(c)?;
        }
        unfrozen((tried.standing, ()))?;
        if tried.counted {
            return Ok(());
        }
        let plan = tried.plan.ok_or(Error::NotFound)?;
        if !tried.placed {
            return Err(missing());
        }
        owners::require(&[("businessOwnerId", tried.business), ("technicalOwnerId", tried.technical)])?;
        let most = tried.most.unwrap_or_default();
        // The count is the snapshot's; the row that was found full may be newer. It was full, whatever the snapshot says.
        let used = tried.used.unwrap_or_default().max(most);
        Err(Error::plan_limit(self.name(), &plan, most.into(), used.into()))
    }

    /// Counts one less. Before the row itself goes: the counter is the first lock of creates, and so of deletes.
    pub fn release(self, c: &mut PgConnection, organisation_id: OrganisationId) -> Result<(), Error> {
        let one = |resource| i32::from(self == resource);
        let (apis, domains, sub_domains) = (one(Self::Apis), one(Self::Domains), one(Self::SubDomains));
        let released = Release { organisation_id, apis, domains, sub_domains }.execute(c)?;
        if released == 1 { Ok(()) } else { Err(Error::internal("something is deleted that was never counted")) }
    }
}
