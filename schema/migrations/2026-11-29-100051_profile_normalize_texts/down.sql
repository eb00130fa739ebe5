-- Nobody can tell any more what form a text had.
comment on column profile.profiles.name is null;
comment on column profile.profiles.email is null;
