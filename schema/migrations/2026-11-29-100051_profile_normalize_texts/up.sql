-- Texts are compared and stored in Unicode's NFC from now on. What is stored in another form is brought to it, unless something
-- else has that name already: then it keeps the form it has, for somebody to rename one of the two. They are what
--     select id, email from profile.profiles where email is not nfc normalized;
-- names afterwards.
update profile.profiles o set email = normalize(email)
where email is not nfc normalized and not exists (
    select from profile.profiles x
    where x.organisation_id = o.organisation_id
        and x.id <> o.id and lower(normalize(x.email)) = lower(normalize(o.email))
);
update profile.profiles set name = normalize(name), job_title = normalize(job_title)
where name is not nfc normalized or job_title is not nfc normalized;
comment on column profile.profiles.name is 'In NFC.';
comment on column profile.profiles.email is 'In NFC.';
