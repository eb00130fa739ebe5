-- title: A domain's description is dropped
-- owner: registry
-- why: Nobody fills it in.
-- steady: No view shows it.
-- gain: Less to keep.
-- loss: None.

set local role registry_owner;
alter table registry.domains drop column description;
reset role;
