drop table registry.usage;
drop table registry.api_tags;
drop table registry.versions;
drop table registry.apis;
