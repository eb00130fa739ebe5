create table notification.feed_cursors (
    feed text not null,
    xid xid8 not null,
    id bigint not null,
    fan_out_id bigint,
    fan_out_after uuid,
    updated_at timestamptz not null,
    constraint feed_cursors_pkey primary key (feed),
    constraint feed_cursors_feed_check check (feed in ('account', 'profile', 'registry', 'billing')),
    constraint feed_cursors_fan_out_check check (num_nonnulls(fan_out_id, fan_out_after) in (0, 2))
);
comment on table notification.feed_cursors is 'How far each change feed has been read; moved in the transaction that wrote its notifications.';
comment on column notification.feed_cursors.xid is 'Position (xid, id): everything at or below it has been worked through.';
comment on column notification.feed_cursors.fan_out_id is 'The next change, where only some of its recipients have been told yet.';
comment on column notification.feed_cursors.fan_out_after is 'The last recipient of that change who has been told; they are told in the order of their ids.';
comment on column notification.feed_cursors.updated_at is 'Never goes back: notifications take their created_at from here, so they keep the feed''s order.';

create table notification.notifications (
    organisation_id uuid not null,
    id uuid not null,
    login_id uuid,
    profile_id uuid,
    feed text,
    change_id bigint,
    kind text not null,
    entity_id text not null,
    request_id text not null,
    title text not null,
    body text not null,
    at timestamptz not null,
    created_at timestamptz not null,
    read_at timestamptz,
    pending boolean not null,
    delivery_id uuid,
    constraint notifications_pkey primary key (organisation_id, id),
    constraint notifications_recipient_check check (num_nonnulls(login_id, profile_id) = 1),
    constraint notifications_change_check check (num_nonnulls(feed, change_id) in (0, 2)),
    constraint notifications_pending_check check (not pending or (delivery_id is null and profile_id is not null))
);
-- The second wall behind the cursors: whatever is read again, nobody is told twice of one change.
create unique index notifications_login_id_key
    on notification.notifications (feed, change_id, login_id) where login_id is not null;
create unique index notifications_profile_id_key
    on notification.notifications (feed, change_id, profile_id) where profile_id is not null;
create index notifications_login_id_idx
    on notification.notifications (organisation_id, login_id, created_at desc, id desc) where login_id is not null;
-- Not partial: a foreign key of another team may stand on (organisation_id, profile_id).
create index notifications_profile_id_idx on notification.notifications (organisation_id, profile_id, created_at desc, id desc);
create index notifications_created_at_idx on notification.notifications (created_at);
create index notifications_pending_idx on notification.notifications (organisation_id, profile_id, at) where pending;
-- A mail of one notification has its notification's id; only roll-ups need to be looked up.
create index notifications_delivery_id_idx
    on notification.notifications (organisation_id, delivery_id) where delivery_id <> id;
comment on table notification.notifications is 'What one recipient was told of one change: exactly one row for each.';
comment on column notification.notifications.organisation_id is 'The nil UUID for the platform''s own logins.';
comment on column notification.notifications.login_id is 'Addressed to a login (billing and password kinds), or null.';
comment on column notification.notifications.profile_id is 'Addressed to a person, or null.';
comment on column notification.notifications.feed is 'The feed it came from; null for reminders, which no change made.';
comment on column notification.notifications.change_id is 'Row of the feed it came from.';
comment on column notification.notifications.request_id is 'The request that made the change: a mail can be followed back to it.';
comment on column notification.notifications.at is 'When the change was made.';
comment on column notification.notifications.pending is 'Waits for the person''s next roll-up.';
comment on column notification.notifications.delivery_id is 'The mail it went into; null while pending, and where there is nobody to mail.';

create table notification.deliveries (
    organisation_id uuid not null,
    id uuid not null,
    login_id uuid,
    profile_id uuid,
    recipient text not null,
    subject text not null,
    status text not null,
    attempts integer not null,
    next_attempt_at timestamptz,
    reason text,
    version bigint not null,
    created_at timestamptz not null,
    sent_at timestamptz,
    constraint deliveries_pkey primary key (organisation_id, id),
    constraint deliveries_status_check check (status in ('waiting', 'sent', 'failed')),
    constraint deliveries_next_attempt_at_check check ((status = 'waiting') = (next_attempt_at is not null)),
    constraint deliveries_recipient_check check (num_nonnulls(login_id, profile_id) = 1)
);
create index deliveries_next_attempt_at_idx on notification.deliveries (next_attempt_at) where status = 'waiting';
create index deliveries_created_at_id_idx on notification.deliveries (created_at, id);
create index deliveries_status_created_at_id_idx on notification.deliveries (status, created_at, id);
create index deliveries_profile_id_idx on notification.deliveries (organisation_id, profile_id);
comment on table notification.deliveries is 'Mails: waiting, sent or given up. The id makes the Message-ID, so a repeat can be recognised. What they say is made from their notifications.';
comment on column notification.deliveries.recipient is 'The address; empty once the person has been deleted.';
comment on column notification.deliveries.next_attempt_at is 'Also the lease of the sender at work: when it dies, the mail is sent again from then on.';
comment on column notification.deliveries.reason is 'What the mail server said last.';

create table notification.rollups (
    organisation_id uuid not null,
    profile_id uuid not null,
    last_at timestamptz not null,
    constraint rollups_pkey primary key (organisation_id, profile_id)
);
comment on table notification.rollups is 'When each person was last sent a roll-up: the next one is due at the first of their times after it.';

create table notification.reminders (
    organisation_id uuid not null,
    login_id uuid not null,
    expires_at timestamptz not null,
    days integer not null,
    created_at timestamptz not null,
    constraint reminders_pkey primary key (organisation_id, login_id, expires_at, days)
);
create index reminders_expires_at_idx on notification.reminders (expires_at);
comment on table notification.reminders is 'Which reminders of an expiring password have been made. A password that was changed expires at another time, and starts anew.';

create table notification.places (
    organisation_id uuid not null,
    id uuid not null,
    name text not null,
    version bigint not null,
    constraint places_pkey primary key (organisation_id, id)
);
comment on table notification.places is 'Names of domains and sub domains, learned from Registry''s feed: an API''s change names them by id alone.';
comment on column notification.places.version is 'Of the domain or sub domain: a feed read again never brings back an older name.';
