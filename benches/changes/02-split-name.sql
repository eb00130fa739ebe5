-- title: A person's name is split into given name and family name
-- owner: profile
-- why: Mails want to say "Dear Ada".
-- steady: The view puts the two together again as `name`; replaced in place, so its grants stay.
-- gain: Lists by family name, salutations.
-- loss: A name that was written family name first is shown in another order.

set local role profile_owner;
alter table profile.profiles add column given_name text, add column family_name text;
update profile.profiles
    set given_name = split_part(name, ' ', 1), family_name = substr(name, length(split_part(name, ' ', 1)) + 2)
    where name is not null;
grant select (given_name, family_name) on profile.profiles to profile_publisher;
grant update (given_name, family_name) on profile.profiles to profile_writer;
reset role;

set local role profile_publisher;
create or replace view published.persons with (security_barrier) as
    select p.organisation_id, p.id, trim(p.given_name || ' ' || p.family_name) as name, p.job_title
    from profile.profiles p
    where p.deleted_at is null;
reset role;

set local role profile_owner;
alter table profile.profiles drop constraint profiles_deleted_at_check;
alter table profile.profiles drop column name;
alter table profile.profiles add constraint profiles_deleted_at_check check (
    case when deleted_at is null
        then given_name is not null and family_name is not null and email is not null and time_zone is not null
        else given_name is null and family_name is null and job_title is null and email is null and time_zone is null
    end
);
create index profiles_organisation_id_family_name_idx
    on profile.profiles (organisation_id, lower(family_name) text_pattern_ops);
reset role;
