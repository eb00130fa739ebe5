drop table billing.standings;
drop table billing.payment_methods;
