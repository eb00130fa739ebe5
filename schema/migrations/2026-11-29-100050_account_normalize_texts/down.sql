-- Nobody can tell any more what form a text had.
comment on column account.organisations.name is null;
comment on column account.logins.email is null;
