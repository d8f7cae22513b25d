create table customers (
    no text primary key, kind text, since date, until date, name text, phone text, building text, persons integer,
    changed_at timestamp
);
insert into customers values
    ('C1', 'H', '2021-03-01', null, 'Example One', '+49 5550 1001', 'house', 3, '2026-06-01 09:00:00.000000'),
    ('C2', 'S', '2019-11-15', null, 'Example Two', '+49 5550 1002', 'shop', null, '2026-06-02 10:30:00.000000');
create table contracts (
    no text primary key, customer text, point text, tariff text, from_day date, to_day date, is_draft boolean
);
insert into contracts values
    ('K1', 'C1', 'P1', 'FLAT', '2021-03-01', null, 0),
    ('K2', 'C2', 'P2', 'BUSINESS', '2019-11-15', null, 0),
    ('K3', 'C2', 'P2', 'FLAT', '2026-08-01', null, 1);
create table meters (serial text, point text, installed date, removed date);
insert into meters values ('A-1001', 'P1', '2018-05-01', null), ('A-1002', 'P2', '2019-11-15', null);
