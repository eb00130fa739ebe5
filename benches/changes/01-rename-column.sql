-- title: A person's name becomes full_name
-- owner: profile
-- why: A nickname is coming, and `name` would no longer say which one.
-- steady: A view holds on to a column by its number: it goes on showing it as `name`, nothing is to be done.
-- gain: Names that say what they hold.
-- loss: None.

set local role profile_owner;
alter table profile.profiles rename column name to full_name;
reset role;
