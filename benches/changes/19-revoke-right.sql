-- title: Account may no longer read people
-- owner: profile
-- why: It only asks whether somebody is there.
-- steady: The view stays as it is, with one reader less.
-- gain: One reader less to think of.
-- loss: Account can't link a login to a person until it finds another way.

set local role profile_publisher;
revoke select on published.persons from account_reader, account_writer;
reset role;

-- == without views ==

set local role profile_owner;
revoke select on profile.profiles from account_reader, account_writer;
reset role;
