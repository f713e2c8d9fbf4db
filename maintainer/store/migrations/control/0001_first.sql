-- what must never be lost or doubled; rows are appended, states are derived
create table policy (
    hash text primary key,
    model text not null,
    document text not null,          -- JSON, every default filled in
    adopted_at text not null
);
create table run (
    id text primary key,             -- <model>-<number>
    model text not null,
    number integer not null,
    created_at text not null,
    reason text not null,            -- in words
    triggers text not null,          -- JSON list of names
    policy_hash text not null references policy(hash),
    champion text,                   -- version in force at the start; null at bootstrap
    version text not null,           -- the name its challenger has
    check_id text,
    labels_known integer not null,
    unique (model, number)
);
create table run_event (
    run_id text not null references run(id),
    seq integer not null,
    kind text not null,
    phase text not null,
    happened_at text not null,
    verdict text,
    note text not null default '',
    primary key (run_id, seq)        -- the compare-and-set
);
create table champion_event (        -- which version served from when
    model text not null,
    seq integer not null,
    version text not null,
    happened_at text not null,
    cause text not null,             -- a run, or a rollback with its reason
    primary key (model, seq)
);
create table model_check (
    id text primary key,             -- <model>-c<number>
    model text not null,
    number integer not null,
    happened_at text not null,
    policy_hash text not null references policy(hash),
    evidence text not null,          -- JSON
    findings text not null,          -- JSON
    decision text not null,          -- JSON
    unique (model, number)
);
create table audit (
    seq integer primary key,
    happened_at text not null,
    actor text not null,
    action text not null,
    subject text not null,
    detail text not null default ''
);
