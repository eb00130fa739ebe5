alter table profile.profiles add constraint profiles_organisation_id_fkey
    foreign key (organisation_id) references account.organisations (id);
