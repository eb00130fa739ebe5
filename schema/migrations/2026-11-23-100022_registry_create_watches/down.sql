drop table registry.watches;
