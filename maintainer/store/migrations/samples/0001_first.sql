-- rows that were refused, with their reason
create table quarantine (
    model varchar not null,
    source varchar not null,
    row_number bigint not null,
    kind varchar not null,           -- sample | label | file
    reason varchar not null,
    content varchar not null,        -- the row as it was found, cut at 4,000 characters
    arrived timestamp not null
);
-- one row per batch taken in
create table batch (
    model varchar not null,
    source varchar not null,
    arrived timestamp not null,
    stored bigint not null,
    duplicate bigint not null,
    quarantined bigint not null,
    labels bigint not null
);
