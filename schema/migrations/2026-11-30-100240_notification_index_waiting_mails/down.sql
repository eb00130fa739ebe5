drop index notification.deliveries_waiting_idx;
