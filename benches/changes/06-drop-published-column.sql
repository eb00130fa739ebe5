-- title: A person's job title is dropped
-- owner: profile
-- why: It was wrong more often than right, and the directory has it.
-- steady: The view goes on showing `job_title`, always empty, until the last reader has let go of it.
-- gain: Less personal data to keep.
-- loss: Registry shows owners without a job title from now on.
-- meaning: registry

set local role profile_publisher;
create or replace view published.persons with (security_barrier) as
    select p.organisation_id, p.id, p.name, null::text as job_title
    from profile.profiles p
    where p.deleted_at is null;
reset role;

set local role profile_owner;
alter table profile.profiles drop constraint profiles_deleted_at_check;
alter table profile.profiles drop column job_title;
alter table profile.profiles add constraint profiles_deleted_at_check check (
    case when deleted_at is null
        then name is not null and email is not null and time_zone is not null
        else name is null and email is null and time_zone is null
    end
);
reset role;
