alter table billing.payment_methods add constraint payment_methods_organisation_id_fkey
    foreign key (organisation_id) references account.organisations (id);
alter table billing.invoices add constraint invoices_organisation_id_fkey
    foreign key (organisation_id) references account.organisations (id);
