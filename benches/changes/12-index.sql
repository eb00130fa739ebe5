-- title: An index for finding APIs by title, made the plain way
-- owner: registry
-- why: Finding by title reads every API of the organisation.
-- steady: An index is nothing that a view shows.
-- gain: Fast lists.
-- loss: None: who writes APIs waits while it is built, and that is Registry.

set local role registry_owner;
create index apis_title_idx on registry.apis (organisation_id, lower(title));
reset role;
