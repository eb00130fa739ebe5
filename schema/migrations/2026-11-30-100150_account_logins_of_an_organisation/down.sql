-- Fails while an address has several logins: which of them stays, the migration can't know.
drop index account.logins_email_key;
create unique index logins_email_key on account.logins (lower(email));
