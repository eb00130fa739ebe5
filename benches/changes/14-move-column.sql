-- title: A person's time zone moves to the notification settings
-- owner: profile
-- why: It is only used to know when to send mails.
-- steady: The view takes it from the other table, under the same name.
-- gain: A person is a name and an address again.
-- loss: None.

set local role profile_owner;
alter table profile.notification_settings add column time_zone text;
update profile.notification_settings s set time_zone = p.time_zone
    from profile.profiles p where p.organisation_id = s.organisation_id and p.id = s.profile_id;
grant select (time_zone) on profile.notification_settings to profile_publisher;
grant update (time_zone) on profile.notification_settings to profile_writer;
reset role;

set local role profile_publisher;
create or replace view published.contacts with (security_barrier) as
    select p.organisation_id, p.id, p.email, s.time_zone, s.mode, s.at, s.weekday
    from profile.profiles p
    join profile.notification_settings s on s.organisation_id = p.organisation_id and s.profile_id = p.id
    where p.deleted_at is null;
reset role;

set local role profile_owner;
alter table profile.profiles drop constraint profiles_deleted_at_check;
alter table profile.profiles drop column time_zone;
alter table profile.profiles add constraint profiles_deleted_at_check check (
    case when deleted_at is null
        then name is not null and email is not null
        else name is null and job_title is null and email is null
    end
);
reset role;
