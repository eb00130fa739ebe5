drop table account.organisations;
