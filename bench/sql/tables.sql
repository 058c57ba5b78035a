-- What the benchmark needs in its database.

-- The deliveries: every statement under test reads its own by primary key, the floor's too.
CREATE TABLE public.bench_bodies (
    id integer PRIMARY KEY,
    headers jsonb NOT NULL,
    body text NOT NULL
);
ALTER TABLE public.bench_bodies SET (autovacuum_enabled = off);

-- The same deliveries as ready arguments of ingest_webhooks(). Not compressed: unpacking is no part of what is measured.
CREATE TABLE public.bench_batches (
    id integer PRIMARY KEY,
    platforms text[] NOT NULL,
    headers jsonb[] NOT NULL,
    bodies bytea[] NOT NULL
);
ALTER TABLE public.bench_batches ALTER headers SET STORAGE EXTERNAL, ALTER bodies SET STORAGE EXTERNAL;

-- The floor: the tables that the first version of the system had, without triggers, foreign keys and row-level
-- security, and with one index besides the primary key: the least that PostgreSQL can be asked to do.
CREATE SCHEMA naive;
CREATE TABLE naive.webhook_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    platform text NOT NULL,
    event_type text NOT NULL,
    payload jsonb NOT NULL,
    signature text,
    "timestamp" timestamptz NOT NULL DEFAULT now(),
    processed boolean DEFAULT false,
    error_message text,
    created_at timestamptz DEFAULT now()
);
CREATE INDEX ON naive.webhook_logs ("timestamp");

CREATE TABLE naive.ticket_sales (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    event_id uuid,
    customer_name text NOT NULL,
    customer_email text NOT NULL,
    ticket_quantity integer NOT NULL DEFAULT 1,
    ticket_type text DEFAULT 'general',
    total_amount numeric(10, 2) NOT NULL,
    platform text CHECK (platform IN ('humanitix', 'eventbrite', 'manual')),
    platform_order_id text,
    purchase_date timestamptz DEFAULT now(),
    refund_status text DEFAULT 'none'
        CHECK (refund_status IN ('none', 'requested', 'processed', 'cancelled', 'refunded', 'partial')),
    created_at timestamptz DEFAULT now(),
    currency text DEFAULT 'AUD',
    raw_data jsonb,
    updated_at timestamptz DEFAULT now(),
    refund_amount numeric(10, 2),
    refund_date timestamptz,
    UNIQUE (platform, platform_order_id)
);

CREATE TABLE naive.attendees (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    ticket_sale_id uuid,
    event_id uuid,
    first_name text,
    last_name text,
    email text,
    phone text,
    ticket_type text,
    ticket_price numeric(10, 2),
    barcode text,
    qr_code text,
    status text DEFAULT 'registered' CHECK (status IN ('registered', 'checked_in', 'no_show', 'cancelled')),
    checked_in_at timestamptz,
    checked_in_by uuid,
    platform text CHECK (platform IN ('humanitix', 'eventbrite', 'manual')),
    platform_attendee_id text,
    platform_data jsonb,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    UNIQUE (platform, platform_attendee_id)
);

-- The same with all indexes and foreign keys that they had: what that system really asked of PostgreSQL.
CREATE SCHEMA seed;
CREATE TABLE seed.events (id uuid PRIMARY KEY);
INSERT INTO seed.events VALUES ('7b0ce8b2-4f3d-4a5e-9c59-0d8a5f6f1a11');
CREATE TABLE seed.webhook_logs (LIKE naive.webhook_logs INCLUDING ALL);
CREATE INDEX ON seed.webhook_logs (platform);
CREATE INDEX ON seed.webhook_logs (processed);
CREATE TABLE seed.ticket_sales (LIKE naive.ticket_sales INCLUDING ALL);
ALTER TABLE seed.ticket_sales ADD FOREIGN KEY (event_id) REFERENCES seed.events ON DELETE CASCADE;
CREATE INDEX ON seed.ticket_sales (event_id);
CREATE INDEX ON seed.ticket_sales (platform);
CREATE INDEX ON seed.ticket_sales (purchase_date);
CREATE TABLE seed.attendees (LIKE naive.attendees INCLUDING ALL);
ALTER TABLE seed.attendees
    ADD FOREIGN KEY (event_id) REFERENCES seed.events ON DELETE CASCADE,
    ADD FOREIGN KEY (ticket_sale_id) REFERENCES seed.ticket_sales ON DELETE CASCADE;
CREATE INDEX ON seed.attendees (event_id);
CREATE INDEX ON seed.attendees (ticket_sale_id);
CREATE INDEX ON seed.attendees (status);

-- What a plain synchronisation fills: the columns that the platforms' answers have, with the primary keys and indexes of
-- the extension's tables.
CREATE SCHEMA plain;
CREATE TABLE plain.ticket_sales (
    platform text NOT NULL,
    platform_order_id text NOT NULL,
    event_id text,
    external_event_id text,
    customer_name text,
    customer_email text,
    currency text,
    total_amount numeric,
    refund_status text,
    purchase_date timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    raw_data jsonb,
    PRIMARY KEY (platform, platform_order_id)
);
CREATE INDEX ON plain.ticket_sales (event_id, purchase_date);
CREATE TABLE plain.attendees (
    platform text NOT NULL,
    platform_order_id text NOT NULL,
    platform_attendee_id text NOT NULL,
    event_id text,
    name text,
    email text,
    ticket_type text,
    barcode text,
    status text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    platform_data jsonb,
    PRIMARY KEY (platform, platform_order_id, platform_attendee_id)
);
CREATE INDEX ON plain.attendees (event_id);
