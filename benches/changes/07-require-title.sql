-- title: Every API has a title
-- owner: registry
-- why: Lists sort by it, and empty ones come first.
-- steady: No view shows it.
-- gain: No special case for what is missing.
-- loss: None.

set local role registry_owner;
update registry.apis set title = name where title is null;
alter table registry.apis alter column title set not null;
reset role;
