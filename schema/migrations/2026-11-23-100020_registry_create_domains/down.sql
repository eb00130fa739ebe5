drop table registry.sub_domains;
drop table registry.domains;
