-- what is set aside is known by its file: taken in again after a crash, it is not set aside twice
alter table quarantine add column digest varchar;
