-- All links of an address: how many were mailed, and when one is used the others are.
create index confirmations_address_idx on notification.confirmations (organisation_id, address_id);
