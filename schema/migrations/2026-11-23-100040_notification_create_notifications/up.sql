create table notification.feed_cursors (
    feed text not null,
    xid xid8 not null,
    id bigint not null,
    updated_at timestamptz not null,
    constraint feed_cursors_pkey primary key (feed),
    constraint feed_cursors_feed_check check (feed in ('account', 'profile', 'registry', 'billing'))
);
comment on table notification.feed_cursors is 'How far each change feed has been read; moved in the transaction that wrote its notifications.';
comment on column notification.feed_cursors.xid is 'Position (xid, id): everything at or below it has been worked through.';

create table notification.notifications (
    organisation_id uuid not null,
    id uuid not null,
    login_id uuid,
    profile_id uuid,
    feed text not null,
    change_id bigint not null,
    kind text not null,
    entity_id text not null,
    request_id text not null,
    title text not null,
    body text not null,
    at timestamptz not null,
    created_at timestamptz not null,
    read_at timestamptz,
    constraint notifications_pkey primary key (organisation_id, id),
    constraint notifications_recipient_check check (num_nonnulls(login_id, profile_id) = 1)
);
create unique index notifications_login_id_key
    on notification.notifications (feed, change_id, kind, login_id) where login_id is not null;
create unique index notifications_profile_id_key
    on notification.notifications (feed, change_id, kind, profile_id) where profile_id is not null;
create index notifications_login_id_idx on notification.notifications (organisation_id, login_id, created_at desc, id desc);
create index notifications_profile_id_idx on notification.notifications (organisation_id, profile_id, created_at desc, id desc);
create index notifications_created_at_idx on notification.notifications (created_at);
comment on table notification.notifications is 'What one recipient was told of one change: exactly one row for each.';
comment on column notification.notifications.login_id is 'Addressed to a login (billing and password kinds), or null.';
comment on column notification.notifications.profile_id is 'Addressed to a person, or null.';
comment on column notification.notifications.change_id is 'Row of the feed it came from.';
comment on column notification.notifications.request_id is 'The request that made the change: a mail can be followed back to it.';
comment on column notification.notifications.at is 'When the change was made.';

create table notification.deliveries (
    organisation_id uuid not null,
    id uuid not null,
    recipient text not null,
    subject text not null,
    text_body text not null,
    html_body text not null,
    status text not null,
    attempts integer not null,
    next_attempt_at timestamptz,
    reason text,
    created_at timestamptz not null,
    sent_at timestamptz,
    constraint deliveries_pkey primary key (organisation_id, id),
    constraint deliveries_status_check check (status in ('waiting', 'sent', 'failed'))
);
create index deliveries_next_attempt_at_idx on notification.deliveries (next_attempt_at) where status = 'waiting';
create index deliveries_created_at_id_idx on notification.deliveries (created_at, id);
comment on table notification.deliveries is 'Mails: waiting, sent or given up. The id makes the Message-ID, so a repeat can be recognised.';
comment on column notification.deliveries.reason is 'What the mail server said last.';
