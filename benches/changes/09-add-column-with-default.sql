-- title: An API is internal unless said otherwise
-- owner: registry
-- why: Partners are to see some APIs.
-- steady: A view names its columns: what isn't named isn't shown.
-- gain: Visibility for each API, without a rewrite: the default stands in the catalogue.
-- loss: None.

set local role registry_owner;
alter table registry.apis add column visibility text not null default 'internal'
    constraint apis_visibility_check check (visibility in ('internal', 'partner', 'public'));
grant update (visibility) on registry.apis to registry_writer;
reset role;
