-- What people read: events, sales, attendees. Sales and attendees are projections of boxoffice.order_states.
-- Natural keys only, platform_order_id in each of them. docs/DESIGN.md says what that allows when one machine is too small.

CREATE TABLE boxoffice.ticket_events (
    event_id text COLLATE "C" PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid()::text,
    title text,
    venue text,
    starts_at timestamptz,
    ends_at timestamptz,
    time_zone text,
    capacity boxoffice.quantity,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT ticket_events_ends_after_start CHECK (ends_at >= starts_at)
);
COMMENT ON TABLE boxoffice.ticket_events IS 'Our own events. An application with an events table of its own uses the same ids.';
COMMENT ON COLUMN boxoffice.ticket_events.event_id IS 'Id of the event; text, so that any kind of id fits. Default: a random uuid.';
COMMENT ON COLUMN boxoffice.ticket_events.title IS 'Title.';
COMMENT ON COLUMN boxoffice.ticket_events.venue IS 'Name of the venue.';
COMMENT ON COLUMN boxoffice.ticket_events.starts_at IS 'Start.';
COMMENT ON COLUMN boxoffice.ticket_events.ends_at IS 'End; when unknown, an event counts as over six hours after its start.';
COMMENT ON COLUMN boxoffice.ticket_events.time_zone IS 'IANA name of the zone in which local times are shown, for example Australia/Sydney.';
COMMENT ON COLUMN boxoffice.ticket_events.capacity IS 'Places.';
COMMENT ON COLUMN boxoffice.ticket_events.created_at IS 'When the row was made.';
COMMENT ON COLUMN boxoffice.ticket_events.updated_at IS 'When the row was last changed by boxoffice.';

CREATE TABLE boxoffice.ticket_platforms (
    platform text COLLATE "C" NOT NULL,
    external_event_id boxoffice.filled NOT NULL,
    event_id text COLLATE "C",
    external_title text,
    external_venue text,
    external_starts_at timestamptz,
    external_ends_at timestamptz,
    external_time_zone text,
    external_sessions jsonb,
    external_capacity integer,
    external_event_url text,
    external_status text,
    on_sale boolean,
    currency boxoffice.currency_code,
    source_version timestamptz,
    platform_data jsonb,
    platform_config jsonb NOT NULL DEFAULT '{}',
    account text COLLATE "C",
    last_sync_at timestamptz,
    last_full_sync_at timestamptz,
    last_attempt_at timestamptz,
    last_full_attempt_at timestamptz,
    sync_failures integer NOT NULL DEFAULT 0,
    tickets_swept_at timestamptz,
    last_sync_error text,
    last_delivery_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    linked_at timestamptz,
    PRIMARY KEY (platform, external_event_id)
);
CREATE INDEX ticket_platforms_event_id_idx ON boxoffice.ticket_platforms (event_id);
COMMENT ON TABLE boxoffice.ticket_platforms IS 'Events of the platforms and the own event each is linked to. An event first seen on the wire registers itself here, unlinked.';
COMMENT ON COLUMN boxoffice.ticket_platforms.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.ticket_platforms.external_event_id IS 'The platform''s id of the event.';
COMMENT ON COLUMN boxoffice.ticket_platforms.event_id IS 'Our event; NULL until link_event(). Sales and attendees carry the same value.';
COMMENT ON COLUMN boxoffice.ticket_platforms.external_title IS 'Title on the platform.';
COMMENT ON COLUMN boxoffice.ticket_platforms.external_venue IS 'Venue on the platform.';
COMMENT ON COLUMN boxoffice.ticket_platforms.external_starts_at IS 'Start on the platform.';
COMMENT ON COLUMN boxoffice.ticket_platforms.external_ends_at IS 'End on the platform.';
COMMENT ON COLUMN boxoffice.ticket_platforms.external_time_zone IS 'IANA time zone on the platform.';
COMMENT ON COLUMN boxoffice.ticket_platforms.external_sessions IS 'Dates of an event that has several: a list of objects with id (external_session_id of orders and tickets), starts_at, ends_at and active. NULL: the event has only its own.';
COMMENT ON COLUMN boxoffice.ticket_platforms.external_capacity IS 'Capacity on the platform.';
COMMENT ON COLUMN boxoffice.ticket_platforms.external_event_url IS 'Public page of the event.';
COMMENT ON COLUMN boxoffice.ticket_platforms.external_status IS 'The platform''s own word for the state of the event.';
COMMENT ON COLUMN boxoffice.ticket_platforms.on_sale IS 'Whether that means that tickets are on sale; NULL where the platform says nothing.';
COMMENT ON COLUMN boxoffice.ticket_platforms.currency IS 'ISO 4217 code on the platform.';
COMMENT ON COLUMN boxoffice.ticket_platforms.source_version IS 'Version of the platform''s copy of the event; an older copy never overwrites a newer one. NULL when the event was only mentioned.';
COMMENT ON COLUMN boxoffice.ticket_platforms.platform_data IS 'The platform''s copy of the event.';
COMMENT ON COLUMN boxoffice.ticket_platforms.platform_config IS 'Settings of this event for synchronisation: sync_minutes, full_hours, overrideLocation. Set with configure_event_sync(). Never a secret.';
COMMENT ON COLUMN boxoffice.ticket_platforms.account IS 'Which of the worker''s credentials can see the event; NULL until its listing was read: then default, else the first by name.';
COMMENT ON COLUMN boxoffice.ticket_platforms.last_sync_at IS 'Start of the last successful synchronisation; the next one asks for what has changed since then, and a little before. A failed one does not move it.';
COMMENT ON COLUMN boxoffice.ticket_platforms.last_full_sync_at IS 'Start of the last successful synchronisation that read everything.';
COMMENT ON COLUMN boxoffice.ticket_platforms.last_attempt_at IS 'Start of the last synchronisation, successful or not.';
COMMENT ON COLUMN boxoffice.ticket_platforms.last_full_attempt_at IS 'Start of the last complete reading, successful or not.';
COMMENT ON COLUMN boxoffice.ticket_platforms.sync_failures IS 'Synchronisations in a row that failed for a reason of this event''s own, such as a refusal. Each doubles the time until the next one, up to an hour.';
COMMENT ON COLUMN boxoffice.ticket_platforms.tickets_swept_at IS 'Start of the last complete reading of the event''s tickets, where they are a list of their own: orders completed ten minutes before have all their tickets here.';
COMMENT ON COLUMN boxoffice.ticket_platforms.last_sync_error IS 'Why the last synchronisation failed; NULL after a success.';
COMMENT ON COLUMN boxoffice.ticket_platforms.last_delivery_at IS 'The newest delivery about the event or one of its orders, up to deliveries_noted.until; sync_status knows those since then as well.';
COMMENT ON COLUMN boxoffice.ticket_platforms.created_at IS 'When the event was first seen.';
COMMENT ON COLUMN boxoffice.ticket_platforms.linked_at IS 'When it was linked.';

CREATE TABLE boxoffice.ticket_sales (
    platform text COLLATE "C" NOT NULL,
    platform_order_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C",
    external_event_id text,
    external_session_id text,
    customer_name text,
    customer_email text,
    customer_phone text,
    ticket_quantity boxoffice.quantity,
    valid_quantity boxoffice.quantity,
    ticket_type text,
    currency boxoffice.currency_code,
    total_amount boxoffice.amount,
    fee_amount boxoffice.amount,
    tax_amount boxoffice.amount,
    discount_amount boxoffice.amount,
    refund_amount boxoffice.amount,
    kept_amount boxoffice.amount,
    net_amount boxoffice.amount,
    payment_status boxoffice.payment_status,
    refund_status boxoffice.refund_status NOT NULL DEFAULT 'none',
    refund_method text,
    refund_date timestamptz,
    void_date timestamptz,
    purchase_date timestamptz,
    platform_status text,
    marketing_opt_in boolean,
    source_version timestamptz,
    unlisted_at timestamptz,
    raw_data jsonb,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (platform, platform_order_id)
);
CREATE INDEX ticket_sales_event_idx ON boxoffice.ticket_sales (event_id, purchase_date);
COMMENT ON TABLE boxoffice.ticket_sales IS 'One row per order of a platform, in its newest known state. Written by boxoffice only.';
COMMENT ON COLUMN boxoffice.ticket_sales.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.ticket_sales.platform_order_id IS 'The platform''s id of the order.';
COMMENT ON COLUMN boxoffice.ticket_sales.event_id IS 'Our event; NULL while the platform''s event is not linked.';
COMMENT ON COLUMN boxoffice.ticket_sales.external_event_id IS 'The platform''s id of the event.';
COMMENT ON COLUMN boxoffice.ticket_sales.external_session_id IS 'The platform''s id of the date, where an event has several.';
COMMENT ON COLUMN boxoffice.ticket_sales.customer_name IS 'Buyer.';
COMMENT ON COLUMN boxoffice.ticket_sales.customer_email IS 'E-mail address of the buyer.';
COMMENT ON COLUMN boxoffice.ticket_sales.customer_phone IS 'Telephone number of the buyer.';
COMMENT ON COLUMN boxoffice.ticket_sales.ticket_quantity IS 'Admissions bought, cancelled ones included, donations not; NULL while unknown.';
COMMENT ON COLUMN boxoffice.ticket_sales.valid_quantity IS 'Admissions that are still valid; NULL while unknown.';
COMMENT ON COLUMN boxoffice.ticket_sales.ticket_type IS 'Names of the ticket types, separated by comma.';
COMMENT ON COLUMN boxoffice.ticket_sales.currency IS 'ISO 4217 code of all amounts of the row.';
COMMENT ON COLUMN boxoffice.ticket_sales.total_amount IS 'What the buyer was charged at purchase: after discounts, with passed-on fees, tax and donations. Never reduced by a refund.';
COMMENT ON COLUMN boxoffice.ticket_sales.fee_amount IS 'Fees of the platform, passed on to the buyer or absorbed.';
COMMENT ON COLUMN boxoffice.ticket_sales.tax_amount IS 'Tax as the platform states it; it may be part of the fee.';
COMMENT ON COLUMN boxoffice.ticket_sales.discount_amount IS 'Discount already taken off total_amount.';
COMMENT ON COLUMN boxoffice.ticket_sales.refund_amount IS 'Refunded so far.';
COMMENT ON COLUMN boxoffice.ticket_sales.kept_amount IS 'What the organiser holds of the charge: total_amount less refund_amount; 0 where nothing was ever paid, or where the platform says that the order is cancelled, deleted or gone and nothing was refunded. Money of cancelled tickets that was not refunded is kept.';
COMMENT ON COLUMN boxoffice.ticket_sales.net_amount IS 'kept_amount less the fees that the platform keeps, not below 0: fee_amount, less the fees of tickets whose whole price went back to the buyer. Tax that has to be remitted is still in it. The fees kept are kept_amount - net_amount, the void part of the charge is total_amount - refund_amount - kept_amount.';
COMMENT ON COLUMN boxoffice.ticket_sales.payment_status IS 'paid, free or unpaid, as the newest copy says that says so; NULL: nobody has said, which counts as paid. An unpaid order holds places, but is not sold.';
COMMENT ON COLUMN boxoffice.ticket_sales.refund_status IS 'none, requested, partial, refunded, or cancelled (void without a refund).';
COMMENT ON COLUMN boxoffice.ticket_sales.refund_method IS 'How refund_amount is known: platform, envelope, attendees, costs, requests, or assumed_full (the platform says refunded, but no amount).';
COMMENT ON COLUMN boxoffice.ticket_sales.refund_date IS 'When it was refunded, as the platform says; else the version of the first copy that showed it.';
COMMENT ON COLUMN boxoffice.ticket_sales.void_date IS 'When something of the order was taken back: refund_date; else the version of the first copy that shows the order or a ticket of it cancelled; else that of the listing, 404 or sweep that decided it. NULL while nothing is taken back. Several partial refunds have one date.';
COMMENT ON COLUMN boxoffice.ticket_sales.purchase_date IS 'When it was bought.';
COMMENT ON COLUMN boxoffice.ticket_sales.platform_status IS 'The platform''s own word for the state of the order.';
COMMENT ON COLUMN boxoffice.ticket_sales.marketing_opt_in IS 'Consent to marketing; NULL is unknown, which is not consent.';
COMMENT ON COLUMN boxoffice.ticket_sales.source_version IS 'Version of the platform''s copy that the row shows; NULL when only pushed copies are known.';
COMMENT ON COLUMN boxoffice.ticket_sales.unlisted_at IS 'Start of the newest complete listing that did not show the order though the platform had shown it before. It is asked for by itself then; NULL while it is listed, and once it is known to be gone.';
COMMENT ON COLUMN boxoffice.ticket_sales.raw_data IS 'The document that the row shows. The exact bytes of each delivery are in webhook_logs.';
COMMENT ON COLUMN boxoffice.ticket_sales.created_at IS 'When the order was first seen here.';
COMMENT ON COLUMN boxoffice.ticket_sales.updated_at IS 'When the row last changed.';

CREATE TABLE boxoffice.attendees (
    platform text COLLATE "C" NOT NULL,
    platform_order_id text COLLATE "C" NOT NULL,
    platform_attendee_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C",
    external_event_id text,
    external_session_id text,
    name text,
    first_name text,
    last_name text,
    email text,
    phone text,
    ticket_type text,
    ticket_price boxoffice.amount,
    currency boxoffice.currency_code,
    barcode text,
    status boxoffice.attendee_status NOT NULL,
    checked_in_at timestamptz,
    refunded boolean NOT NULL DEFAULT false,
    source_version timestamptz,
    platform_data jsonb,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (platform, platform_order_id, platform_attendee_id)
);
CREATE INDEX attendees_event_idx ON boxoffice.attendees (event_id);
COMMENT ON TABLE boxoffice.attendees IS 'One row per admission. Donations are not people and have no row. Written by boxoffice only.';
COMMENT ON COLUMN boxoffice.attendees.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.attendees.platform_order_id IS 'The order.';
COMMENT ON COLUMN boxoffice.attendees.platform_attendee_id IS 'The platform''s id of the ticket or attendee.';
COMMENT ON COLUMN boxoffice.attendees.event_id IS 'Our event; NULL while the platform''s event is not linked.';
COMMENT ON COLUMN boxoffice.attendees.external_event_id IS 'The platform''s id of the event.';
COMMENT ON COLUMN boxoffice.attendees.external_session_id IS 'The platform''s id of the date, where an event has several.';
COMMENT ON COLUMN boxoffice.attendees.name IS 'Whole name.';
COMMENT ON COLUMN boxoffice.attendees.first_name IS 'Given name.';
COMMENT ON COLUMN boxoffice.attendees.last_name IS 'Family name.';
COMMENT ON COLUMN boxoffice.attendees.email IS 'E-mail address, where the platform has one for each ticket.';
COMMENT ON COLUMN boxoffice.attendees.phone IS 'Telephone number.';
COMMENT ON COLUMN boxoffice.attendees.ticket_type IS 'Name of the ticket type.';
COMMENT ON COLUMN boxoffice.attendees.ticket_price IS 'Price of this ticket at purchase: the highest that any copy shows, because platforms show less of what is cancelled.';
COMMENT ON COLUMN boxoffice.attendees.currency IS 'ISO 4217 code of the price.';
COMMENT ON COLUMN boxoffice.attendees.barcode IS 'What the ticket''s code says.';
COMMENT ON COLUMN boxoffice.attendees.status IS 'registered, checked_in or cancelled (a refunded ticket is cancelled). no_show is worked out when reading: registered, and the date is over.';
COMMENT ON COLUMN boxoffice.attendees.checked_in_at IS 'When the attendee was checked in.';
COMMENT ON COLUMN boxoffice.attendees.refunded IS 'The ticket was cancelled with its money returned.';
COMMENT ON COLUMN boxoffice.attendees.source_version IS 'Version of the copy that the row shows.';
COMMENT ON COLUMN boxoffice.attendees.platform_data IS 'The document that the row shows.';
COMMENT ON COLUMN boxoffice.attendees.created_at IS 'When the attendee was first seen here.';
COMMENT ON COLUMN boxoffice.attendees.updated_at IS 'When the row last changed.';

CREATE TABLE boxoffice.order_states (
    platform text COLLATE "C" NOT NULL,
    platform_order_id text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (platform, platform_order_id)
);
COMMENT ON TABLE boxoffice.order_states IS 'All that is known of each order, as registers that only grow; ticket_sales and attendees are derived from it. The row is the order''s lock.';
COMMENT ON COLUMN boxoffice.order_states.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.order_states.platform_order_id IS 'The order.';
COMMENT ON COLUMN boxoffice.order_states.state IS 'Merge state; first byte: version of the encoding.';
COMMENT ON COLUMN boxoffice.order_states.updated_at IS 'When something new was last learned about the order.';
