alter table registry.domains add constraint domains_organisation_id_fkey
    foreign key (organisation_id) references account.organisations (id);
-- Owners are provably people of the same organisation.
alter table registry.domains add constraint domains_business_owner_id_fkey
    foreign key (organisation_id, business_owner_id) references profile.profiles (organisation_id, id);
alter table registry.apis add constraint apis_business_owner_id_fkey
    foreign key (organisation_id, business_owner_id) references profile.profiles (organisation_id, id);
alter table registry.apis add constraint apis_technical_owner_id_fkey
    foreign key (organisation_id, technical_owner_id) references profile.profiles (organisation_id, id);
alter table registry.watches add constraint watches_profile_id_fkey
    foreign key (organisation_id, profile_id) references profile.profiles (organisation_id, id);
