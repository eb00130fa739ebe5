-- A login that an admin adds can sign in only once the owner of its address has accepted it, and only then is the address taken: adding
-- one answers the same whether the address has a login elsewhere or not. Logins that are there stay as they are. The new index is
-- built under the table's lock: about a second for a million logins.
alter table account.logins add column invitation_id uuid;
drop index account.logins_email_key;
create unique index logins_email_key on account.logins (lower(email)) where invitation_id is null;
create unique index logins_invitation_id_key on account.logins (invitation_id) where invitation_id is not null;
comment on column account.logins.invitation_id is 'Not null: the owner of the address has not accepted the login, and nobody can sign in with it. Another one for each address.';
