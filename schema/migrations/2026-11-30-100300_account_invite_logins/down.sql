-- Nobody can sign in with them, and their addresses may be taken.
delete from account.logins where invitation_id is not null;
drop index account.logins_invitation_id_key;
drop index account.logins_email_key;
create unique index logins_email_key on account.logins (lower(email));
alter table account.logins drop column invitation_id;
