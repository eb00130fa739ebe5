-- A login may be linked to a person of its own organisation.
alter table account.logins add constraint logins_profile_id_fkey
    foreign key (organisation_id, profile_id) references profile.profiles (organisation_id, id);
