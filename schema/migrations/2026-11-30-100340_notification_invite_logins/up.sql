-- A mail with a link also invites: whoever uses that link accepts a login.
create table notification.invitations (
    invitation_id uuid not null,
    organisation_id uuid not null,
    address_id uuid not null,
    created_at timestamptz not null,
    accepted_at timestamptz,
    constraint invitations_pkey primary key (invitation_id)
);
create index invitations_created_at_idx on notification.invitations (created_at);
create index invitations_accepted_address_id_idx on notification.invitations (address_id) where accepted_at is not null;
comment on table notification.invitations is 'Logins that the owners of their addresses are asked to accept.';
comment on column notification.invitations.invitation_id is 'Account''s; also the id of the mail, so that there is one, whatever is read again.';
comment on column notification.invitations.accepted_at is 'When a link of it was used.';

alter table notification.confirmations add column invitation_id uuid;
comment on column notification.confirmations.invitation_id is 'The invitation that is accepted with it; null: it confirms the address alone.';
comment on column notification.deliveries.confirms is 'The mail with the link. It has no notifications. With an invitation of this id, the link accepts a login as well.';
