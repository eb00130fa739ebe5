-- The mail with a link also invites: whoever uses that link accepts a login.
alter table notification.deliveries add column invitation_id uuid;
-- Whatever is read again, a login is invited once for each address.
create unique index deliveries_invitation_id_key on notification.deliveries (invitation_id) where invitation_id is not null;
comment on column notification.deliveries.invitation_id is 'Of mails that invite: which of Account''s invitations it is.';
comment on column notification.deliveries.confirms is 'The mail with the link. It has no notifications. With an invitation_id, the link also accepts a login.';

alter table notification.confirmations add column invitation_id uuid;
-- Accepted once, with one of its links.
create unique index confirmations_accepted_key on notification.confirmations (invitation_id) where used_at is not null;
create index confirmations_accepted_address_idx on notification.confirmations (address_id)
    where invitation_id is not null and used_at is not null;
comment on column notification.confirmations.invitation_id is 'The invitation that is accepted with it; null: it confirms the address alone.';
