-- An address is mailed for an organisation only once whoever reads it has confirmed that. Addresses are kept as digests: what is
-- remembered of an address (asked, confirmed, how much it was sent) outlives the person, whose address is erased.
create table notification.addresses (
    organisation_id uuid not null,
    address_id uuid not null,
    asked_at timestamptz,
    confirmed_at timestamptz,
    constraint addresses_pkey primary key (organisation_id, address_id)
);
comment on table notification.addresses is 'Who agreed to be mailed for an organisation, or was asked to.';
comment on column notification.addresses.organisation_id is 'The nil UUID for the platform''s own logins.';
comment on column notification.addresses.address_id is 'The first 16 bytes of the SHA-256 of the lower-case address.';
comment on column notification.addresses.asked_at is 'When the mail with the link was made: it is made once.';
comment on column notification.addresses.confirmed_at is 'Null: nothing but that one mail is sent.';

create table notification.confirmations (
    token_hash bytea not null,
    organisation_id uuid not null,
    address_id uuid not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    constraint confirmations_pkey primary key (token_hash)
);
create index confirmations_expires_at_idx on notification.confirmations (expires_at);
comment on table notification.confirmations is 'Links that were mailed. Each belongs to an address, whoever has that address now.';
comment on column notification.confirmations.token_hash is 'SHA-256 of the token, which stands in the mail alone.';

create table notification.counters (
    kind text not null,
    id uuid not null,
    began_at timestamptz not null,
    mails bigint not null,
    constraint counters_pkey primary key (kind, id),
    constraint counters_kind_check check (kind in ('address', 'organisation', 'asked', 'asks', 'lock'))
);
create index counters_began_at_idx on notification.counters (began_at);
comment on table notification.counters is 'Mails of the window that began then: what an address was sent and asked, what an organisation sent and asked. The row `lock` counts nothing: who has it decides what is sent.';
comment on column notification.counters.mails is 'How many in that window: an hour, or a day where addresses were asked.';
comment on column notification.counters.id is 'The organisation, or the address_id of the mailbox: the address without its +tag.';

alter table notification.deliveries
    add column address_id uuid,
    add column confirms boolean not null default false,
    drop constraint deliveries_status_check,
    add constraint deliveries_status_check check (status in ('waiting', 'sent', 'failed', 'held')),
    drop constraint deliveries_next_attempt_at_check,
    add constraint deliveries_next_attempt_at_check check (
        case status when 'waiting' then next_attempt_at is not null when 'held' then true else next_attempt_at is null end
    );
create index deliveries_held_idx on notification.deliveries (next_attempt_at) where status = 'held';
create index deliveries_held_recipient_idx
    on notification.deliveries (organisation_id, coalesce(profile_id, login_id)) where status = 'held';
comment on column notification.deliveries.status is 'held: not yet allowed to be sent (the address isn''t confirmed, or there were too many mails); of these all of a recipient are one mail.';
comment on column notification.deliveries.next_attempt_at is 'Also the lease of the sender at work: when it dies, the mail is sent again from then on. Of held ones: when they are looked at next; null: when the address is confirmed.';
comment on column notification.deliveries.address_id is 'Of held mails that were looked at, and of mails that ask: whose address.';
comment on column notification.deliveries.confirms is 'The mail with the link. It has no notifications.';

-- Addresses to which mail was sent before there were confirmations stay allowed for their organisation: they get invoices and
-- reminders of passwords that expire, and a running system must not fall silent with an upgrade. What never got a mail is asked first.
insert into notification.addresses (organisation_id, address_id, confirmed_at)
select d.organisation_id, encode(substr(sha256(convert_to(lower(d.recipient), 'UTF8')), 1, 16), 'hex')::uuid, min(d.sent_at)
from notification.deliveries d where d.status = 'sent' and d.recipient <> '' group by 1, 2;
