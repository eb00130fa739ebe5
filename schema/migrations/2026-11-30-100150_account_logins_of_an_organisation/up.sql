-- An address may have a login in each organisation: whether it has one elsewhere is nobody's business who adds a login or signs up.
drop index account.logins_email_key;
create unique index logins_email_key on account.logins (lower(email), organisation_id) nulls not distinct;
