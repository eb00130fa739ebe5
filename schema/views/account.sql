-- What Account shows the others. Plain projections with owner rights; the publisher holds SELECT on exactly these columns.
create or replace view published.organisations as
    select o.id, o.name, o.plan_code, o.created_at
    from account.organisations o;
comment on view published.organisations is 'Every organisation, once; never disappears.';

create or replace view published.plans as
    select p.code, p.kind, p.currency, p.monthly_price_cents,
        p.api_limit, p.domain_limit, p.sub_domain_limit, p.user_limit,
        p.api_price_cents, p.domain_price_cents, p.sub_domain_price_cents, p.user_price_cents
    from account.plans p;
comment on view published.plans is 'Prices in minor units and limits (null: none) of every plan.';

create or replace view published.login_contacts as
    select l.organisation_id, l.id as login_id, l.profile_id, l.email, l.scope, l.disabled_at, l.password_expires_at, l.invitation_id
    from account.logins l;
comment on view published.login_contacts is 'Where a login''s mail goes. Operators have no organisation. With an invitation_id: not accepted yet, so nobody signs in with it.';

create or replace view published.signing_keys as
    select k.id, k.public_key, k.valid_from, k.valid_until
    from account.signing_keys k;
comment on view published.signing_keys is 'Public keys (JWK) that tokens are verified with.';

create or replace view published.account_changes as
    select c.id, c.xid, c.at, c.kind, nullif(c.organisation_id, '00000000-0000-0000-0000-000000000000') as organisation_id, c.entity_id, c.version, c.actor_id, c.request_id, c.before, c.after
    from account.changes c;
comment on view published.account_changes is 'The feed of Account: every change, in (xid, id) order complete below the snapshot''s xmin. Keys of before and after: docs/contract/changes.yaml.';
