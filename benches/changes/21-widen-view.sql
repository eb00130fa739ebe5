-- title: Watches are shown with their id
-- owner: registry
-- why: Notification wants to name the watch in a mail.
-- steady: A column is added at the end of the view: in place, under the readers' feet, and nobody notices.
-- gain: A reader's wish, granted in a minute.
-- loss: None.

set local role registry_owner;
grant select (id) on registry.watches to registry_publisher;
reset role;

set local role registry_publisher;
create or replace view published.watchers as
    select w.organisation_id, w.kind, w.target_id, w.profile_id, w.created_at, w.ended_at,
        w.created_xid, w.ended_xid, w.id
    from registry.watches w;
reset role;
