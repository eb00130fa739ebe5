-- Texts are compared and stored in Unicode's NFC from now on. What is stored in another form is brought to it, unless something
-- else has that name already: then it keeps the form it has, for somebody to rename one of the two. They are what
--     select id, name from account.organisations where name is not nfc normalized;
--     select id, email from account.logins where email is not nfc normalized;
-- names afterwards.
update account.organisations o set name = normalize(name)
where name is not nfc normalized and not exists (
    select from account.organisations x
    where x.id <> o.id and lower(normalize(x.name)) = lower(normalize(o.name))
);
update account.logins o set email = normalize(email)
where email is not nfc normalized and not exists (
    select from account.logins x
    where x.id <> o.id and lower(normalize(x.email)) = lower(normalize(o.email))
);
comment on column account.organisations.name is 'In NFC.';
comment on column account.logins.email is 'In NFC.';
