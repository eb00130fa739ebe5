-- title: A person may have a telephone number
-- owner: profile
-- why: Who is on duty is called, not mailed.
-- steady: A view names its columns: what isn't named isn't shown.
-- gain: The number.
-- loss: None.

set local role profile_owner;
alter table profile.profiles add column telephone text;
comment on column profile.profiles.telephone is 'E.164; null: none given.';
grant update (telephone) on profile.profiles to profile_writer;
reset role;
