alter table notification.notifications add constraint notifications_profile_id_fkey
    foreign key (organisation_id, profile_id) references profile.profiles (organisation_id, id);
