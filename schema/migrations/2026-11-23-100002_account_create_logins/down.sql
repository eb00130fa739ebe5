drop table account.signing_keys;
drop table account.sign_in_failures;
drop table account.logins;
