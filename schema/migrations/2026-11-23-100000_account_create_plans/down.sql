drop table account.plans;
