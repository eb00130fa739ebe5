-- What a service's own database keeps of the log of changes, beside its copies; empty where an architecture has no log.

-- How far the relay has put the service's feed on the log. A relay that takes over raises the epoch, and the one before it ends.
create table published.log_cursor (
    feed text primary key,
    epoch bigint not null,
    sequence bigint not null,
    xid xid8 not null,
    id bigint not null,
    sent jsonb not null
);

-- The next offset of each partition, written with the rows before it. Partition -1 of a feed: the last id given to a change.
create table published.log_offsets (
    topic text,
    part integer,
    next bigint not null,
    primary key (topic, part)
);

-- Where each row of a copy stands in its owner's order; one that is gone, too. Of a feed: the changes that are known.
create table published.log_rows (
    noun text,
    key text,
    epoch bigint not null,
    sequence bigint not null,
    primary key (noun, key)
);

-- Records that can't be a row, and why.
create table published.log_aside (
    topic text,
    part integer,
    at_offset bigint,
    reason text not null,
    key text,
    value text,
    primary key (topic, part, at_offset)
);

-- How far a feed has been copied that is asked for and not put on a log, by its owner's own order: what comes again is dropped.
create table published.log_places (
    feed text primary key,
    xid xid8 not null,
    id bigint not null
);
