-- which samples the labelling queue has given out
create table label_request (
    model text not null,
    sample text not null,            -- the 64-bit hash of its id
    day text not null,               -- UTC, for the budget
    given_at text not null,
    method text not null,
    primary key (model, sample, day)
);
