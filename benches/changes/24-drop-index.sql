-- title: The index on an API's technical owner is dropped
-- owner: registry
-- why: It costs at every write, and hardly a list asks for it.
-- steady: An index is nothing that a view shows; a reader of `responsibilities` is slower without it.
-- gain: Cheaper writes.
-- loss: Profile asks who owns what before it deletes a person, and reads all APIs of the organisation for it.

set local role registry_owner;
drop index registry.apis_technical_owner_id_idx;
reset role;
