//! Who owns APIs or domains can't be deleted: read from what Registry publishes.

use behaviour::assert::problem_of;
use behaviour::{Tenant, json};
use diesel::prelude::*;
use uuid::Uuid;

use crate::fixture::House;

diesel::table! {
    registry.domains (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        name -> Text,
        business_owner_id -> Nullable<Uuid>,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}
diesel::table! {
    registry.sub_domains (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        domain_id -> Uuid,
        name -> Text,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}
diesel::table! {
    registry.apis (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        sub_domain_id -> Uuid,
        name -> Text,
        business_owner_id -> Nullable<Uuid>,
        technical_owner_id -> Nullable<Uuid>,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

/// A domain owned by somebody, as Registry would write it.
fn domain(connection: &mut PgConnection, tenant: &Tenant, owner: Option<Uuid>) -> QueryResult<Uuid> {
    let (id, now) = (Uuid::now_v7(), chrono::Utc::now());
    diesel::insert_into(domains::table)
        .values((
            domains::organisation_id.eq(tenant.org),
            domains::id.eq(id),
            domains::name.eq(id.to_string()),
            domains::business_owner_id.eq(owner),
            domains::version.eq(1),
            domains::created_at.eq(now),
            domains::updated_at.eq(now),
        ))
        .execute(connection)?;
    Ok(id)
}

/// An API in a sub domain of its own, owned by one person in both roles.
fn api(connection: &mut PgConnection, tenant: &Tenant, domain: Uuid, owner: Uuid) -> QueryResult<Uuid> {
    let (id, sub_domain, now) = (Uuid::now_v7(), Uuid::now_v7(), chrono::Utc::now());
    diesel::insert_into(sub_domains::table)
        .values((
            sub_domains::organisation_id.eq(tenant.org),
            sub_domains::id.eq(sub_domain),
            sub_domains::domain_id.eq(domain),
            sub_domains::name.eq(sub_domain.to_string()),
            sub_domains::version.eq(1),
            sub_domains::created_at.eq(now),
            sub_domains::updated_at.eq(now),
        ))
        .execute(connection)?;
    diesel::insert_into(apis::table)
        .values((
            apis::organisation_id.eq(tenant.org),
            apis::id.eq(id),
            apis::sub_domain_id.eq(sub_domain),
            apis::name.eq(id.to_string()),
            apis::business_owner_id.eq(owner),
            apis::technical_owner_id.eq(owner),
            apis::version.eq(1),
            apis::created_at.eq(now),
            apis::updated_at.eq(now),
        ))
        .execute(connection)?;
    Ok(id)
}

#[test]
fn whoever_owns_apis_or_domains_stays() {
    let house = House::new();
    let tenant = house.world.tenant("team");
    let registry = &mut house.db.connect("registry_writer");
    let owner = house.world.fixture.profile(&tenant);
    let owned = domain(registry, &tenant, Some(owner)).unwrap();
    domain(registry, &tenant, Some(owner)).unwrap();
    api(registry, &tenant, owned, owner).unwrap();
    let path = tenant.path(&format!("/profiles/{owner}"));
    let delete = || house.world.profile().delete(&path).token(&tenant.admin_token).if_match("\"1\"").send();
    let problem = problem_of(&delete(), 409, "still-responsible");
    assert_eq!((&problem["apis"], &problem["domains"]), (&json!(1), &json!(2)), "an API owned in both roles is one");
    assert_eq!(problem["detail"], "the person owns 1 API and 2 domains: give them to somebody else first");
    diesel::delete(apis::table.filter(apis::organisation_id.eq(tenant.org))).execute(registry).unwrap();
    diesel::update(domains::table.filter(domains::organisation_id.eq(tenant.org)))
        .set(domains::business_owner_id.eq(None::<Uuid>))
        .execute(registry)
        .unwrap();
    delete().expect(204);
}

/// A domain is being given to a person while that person is being deleted: the deletion waits and is refused.
#[test]
fn a_deletion_waits_for_who_refers_to_the_person() {
    let house = House::new();
    let tenant = house.world.tenant("team");
    let owner = house.world.fixture.profile(&tenant);
    let path = tenant.path(&format!("/profiles/{owner}"));
    let registry = &mut house.db.connect("registry_writer");
    let answer = std::thread::scope(|scope| {
        let deletion = registry
            .transaction(|registry| {
                domain(registry, &tenant, Some(owner))?;
                let delete = || house.world.profile().delete(&path).token(&tenant.admin_token).if_match("\"1\"").send();
                let deletion = scope.spawn(delete);
                behaviour::assert::eventually("the deletion waits for the row's lock", || {
                    house.writer_waits().then_some(())
                });
                QueryResult::Ok(deletion)
            })
            .unwrap();
        deletion.join().unwrap()
    });
    assert_eq!(problem_of(&answer, 409, "still-responsible")["domains"], 1);
}
