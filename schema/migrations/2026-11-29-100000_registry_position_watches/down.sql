alter table registry.watches drop column created_xid, drop column ended_xid;
