-- What Billing shows the others.
create or replace view published.standings as
    select s.organisation_id, s.standing, s.overdue_since, s.frozen_at
    from billing.standings s;
comment on view published.standings is 'How each organisation stands with its invoices. No row: active.';

create or replace view published.billing_changes as
    select c.id, c.xid, c.at, c.kind, nullif(c.organisation_id, '00000000-0000-0000-0000-000000000000') as organisation_id, c.entity_id, c.version, c.actor_id, c.request_id, c.before, c.after
    from billing.changes c;
comment on view published.billing_changes is 'The feed of Billing: every change, in (xid, id) order complete below the snapshot''s xmin. Keys of before and after: docs/contract/changes.yaml.';
