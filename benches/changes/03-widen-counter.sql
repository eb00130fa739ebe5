-- title: The counter of APIs becomes a bigint
-- owner: registry
-- why: Imports of machine-made APIs pass two thousand million.
-- steady: A type can't change under a view: it is taken away and made again, with a cast to what was promised and with its grants, in the same transaction.
-- gain: Room.
-- loss: A count above 2147483647 can't be shown: reading it fails until the readers follow.

set local role registry_publisher;
drop view published.usage;
reset role;

set local role registry_owner;
alter table registry.usage alter column apis type bigint;
reset role;

set local role registry_publisher;
create view published.usage as
    select u.organisation_id, u.apis::integer as apis, u.domains, u.sub_domains
    from registry.usage u;
comment on view published.usage is 'What each organisation has registered. No row: nothing.';
grant select on published.usage to account_reader, account_writer, billing_reader, billing_writer;
reset role;
