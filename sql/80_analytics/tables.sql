-- What the figures are kept in. Sheets, marks and coverage are derived from ticket_sales and not dumped: what is not covered is
-- read from the rows.

CREATE TABLE boxoffice.sales_days (
    platform text COLLATE "C" NOT NULL,
    external_event_id text COLLATE "C" NOT NULL,
    external_session_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    day date NOT NULL,
    orders integer NOT NULL,
    sold_orders integer NOT NULL,
    tickets bigint NOT NULL,
    sold_tickets bigint NOT NULL,
    gross numeric NOT NULL,
    refunds numeric NOT NULL,
    void numeric NOT NULL,
    kept numeric NOT NULL,
    fees numeric NOT NULL,
    fees_back numeric NOT NULL,
    net numeric NOT NULL,
    tax numeric NOT NULL,
    discounts numeric NOT NULL,
    free_orders integer NOT NULL,
    orders_without_quantity integer NOT NULL,
    orders_without_amount integer NOT NULL,
    refunded_orders integer NOT NULL,
    partly_refunded_orders integer NOT NULL,
    cancelled_orders integer NOT NULL,
    kept_of_gone numeric NOT NULL,
    pending_orders integer NOT NULL,
    pending_tickets bigint NOT NULL,
    PRIMARY KEY (platform, external_event_id, external_session_id, currency, day)
);
CREATE INDEX sales_days_day_idx ON boxoffice.sales_days (day);
COMMENT ON TABLE boxoffice.sales_days IS 'Day sheets: the facts of sale_facts, summed by platform event, date, currency and local day. Recomputed from the rows by fold_sales(), never incremented. Read them through the functions: a day that has changed since is read from the rows.';
COMMENT ON COLUMN boxoffice.sales_days.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.sales_days.external_event_id IS 'The platform''s id of the event; empty for sales of which it is not known.';
COMMENT ON COLUMN boxoffice.sales_days.external_session_id IS 'The platform''s id of the date; empty where there is none.';
COMMENT ON COLUMN boxoffice.sales_days.currency IS 'ISO 4217 code; empty where the platform gave none.';
COMMENT ON COLUMN boxoffice.sales_days.day IS 'Local day of the sale or of what was taken back; -infinity where the time is not known.';
COMMENT ON COLUMN boxoffice.sales_days.orders IS 'Orders sold, less orders that ceased to stand on the day.';
COMMENT ON COLUMN boxoffice.sales_days.sold_orders IS 'Orders sold.';
COMMENT ON COLUMN boxoffice.sales_days.tickets IS 'Admissions sold, less those taken back on the day.';
COMMENT ON COLUMN boxoffice.sales_days.sold_tickets IS 'Admissions sold.';
COMMENT ON COLUMN boxoffice.sales_days.gross IS 'Charged, before anything was taken back.';
COMMENT ON COLUMN boxoffice.sales_days.refunds IS 'Refunded on the day.';
COMMENT ON COLUMN boxoffice.sales_days.void IS 'Charges of which nothing is held although nothing was refunded.';
COMMENT ON COLUMN boxoffice.sales_days.kept IS 'gross less refunds and void.';
COMMENT ON COLUMN boxoffice.sales_days.fees IS 'Fees of the platforms, less those given back.';
COMMENT ON COLUMN boxoffice.sales_days.fees_back IS 'Fees given back, or never kept.';
COMMENT ON COLUMN boxoffice.sales_days.net IS 'kept less fees.';
COMMENT ON COLUMN boxoffice.sales_days.tax IS 'Tax, less that of charges that became void.';
COMMENT ON COLUMN boxoffice.sales_days.discounts IS 'Discounts, less those of charges that became void.';
COMMENT ON COLUMN boxoffice.sales_days.free_orders IS 'Orders of no charge sold, less those that ceased to stand.';
COMMENT ON COLUMN boxoffice.sales_days.orders_without_quantity IS 'Orders sold whose number of tickets is not known, less those that ceased to stand.';
COMMENT ON COLUMN boxoffice.sales_days.orders_without_amount IS 'Orders sold whose charge is not known, less those that ceased to stand.';
COMMENT ON COLUMN boxoffice.sales_days.refunded_orders IS 'Orders refunded, wholly or partly.';
COMMENT ON COLUMN boxoffice.sales_days.partly_refunded_orders IS 'Of them: partly.';
COMMENT ON COLUMN boxoffice.sales_days.cancelled_orders IS 'Orders cancelled without a refund.';
COMMENT ON COLUMN boxoffice.sales_days.kept_of_gone IS 'Money kept of orders that ceased to stand on the day.';
COMMENT ON COLUMN boxoffice.sales_days.pending_orders IS 'Unpaid orders, by the day of the order. They are in no other column.';
COMMENT ON COLUMN boxoffice.sales_days.pending_tickets IS 'Admissions that they hold.';

CREATE TABLE boxoffice.sheet_marks (
    platform text COLLATE "C" NOT NULL,
    external_event_id text COLLATE "C" NOT NULL,
    utc_day timestamptz
);
COMMENT ON TABLE boxoffice.sheet_marks IS 'Days of which sales have changed since their sheets were made. Whoever writes sales appends, fold_sales() deletes; a mark and the change that it tells of are one transaction.';
COMMENT ON COLUMN boxoffice.sheet_marks.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.sheet_marks.external_event_id IS 'The platform''s id of the event; empty for sales of which it is not known.';
COMMENT ON COLUMN boxoffice.sheet_marks.utc_day IS 'Start of the day, in UTC, in which a sale, or what was taken back, lies or lay; NULL where the time is not known.';

CREATE TABLE boxoffice.sheet_coverage (
    platform text COLLATE "C" NOT NULL,
    external_event_id text COLLATE "C" NOT NULL,
    zones text NOT NULL,
    time_zone text NOT NULL,
    built_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    checked_at timestamptz,
    differences integer NOT NULL DEFAULT 0,
    PRIMARY KEY (platform, external_event_id)
);
COMMENT ON TABLE boxoffice.sheet_coverage IS 'The platform events that have sheets, and the zone that these were made with. Without a row, or when the zone is another one by now, the rows are read.';
COMMENT ON COLUMN boxoffice.sheet_coverage.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.sheet_coverage.external_event_id IS 'The platform''s id of the event; empty for sales of which it is not known.';
COMMENT ON COLUMN boxoffice.sheet_coverage.zones IS 'The zones that our event and the platform''s had then, separated by a bar.';
COMMENT ON COLUMN boxoffice.sheet_coverage.time_zone IS 'The zone that came of it.';
COMMENT ON COLUMN boxoffice.sheet_coverage.built_at IS 'When all of its sheets were last made.';
COMMENT ON COLUMN boxoffice.sheet_coverage.checked_at IS 'When check_analytics() was last called for the event by run_due_tasks().';
COMMENT ON COLUMN boxoffice.sheet_coverage.differences IS 'How many rows it returned then.';

CREATE TABLE boxoffice_private.fold_lock ();
COMMENT ON TABLE boxoffice_private.fold_lock IS 'Always empty. fold_sales() and rebuild_analytics() lock it, deliveries never do.';

CREATE TABLE boxoffice_private.buyer_salt (
    salt bigint NOT NULL DEFAULT (('x' || pg_catalog.translate(pg_catalog.right(pg_catalog.gen_random_uuid()::text, 17), '-', ''))::bit(64)::bigint)
);
COMMENT ON TABLE boxoffice_private.buyer_salt IS 'One row: what the keys of buyers are made with, so that nobody who sees one can find the address by trying. Not dumped: keys are only compared within a query.';
COMMENT ON COLUMN boxoffice_private.buyer_salt.salt IS 'Random.';
INSERT INTO boxoffice_private.buyer_salt DEFAULT VALUES;

CREATE TABLE boxoffice.sale_history (
    platform text COLLATE "C" NOT NULL,
    platform_order_id boxoffice.filled NOT NULL,
    valid_until timestamptz NOT NULL DEFAULT pg_catalog.now(),
    external_event_id text,
    external_session_id text,
    ticket_quantity boxoffice.quantity,
    valid_quantity boxoffice.quantity,
    currency boxoffice.currency_code,
    total_amount boxoffice.amount,
    fee_amount boxoffice.amount,
    tax_amount boxoffice.amount,
    discount_amount boxoffice.amount,
    refund_amount boxoffice.amount,
    kept_amount boxoffice.amount,
    net_amount boxoffice.amount,
    payment_status boxoffice.payment_status,
    refund_status boxoffice.refund_status NOT NULL,
    void_date timestamptz,
    purchase_date timestamptz,
    PRIMARY KEY (platform, platform_order_id, valid_until),
    -- By it the planner leaves the history out where only the present is asked for.
    CONSTRAINT sale_history_is_over CHECK (valid_until < 'infinity')
);
CREATE INDEX sale_history_event_idx ON boxoffice.sale_history (external_event_id, valid_until);
COMMENT ON TABLE boxoffice.sale_history IS 'What the numbers of an order were before they changed: one row for each transaction that changed them. No personal data; kept as long as the sale.';
COMMENT ON COLUMN boxoffice.sale_history.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.sale_history.platform_order_id IS 'The order.';
COMMENT ON COLUMN boxoffice.sale_history.valid_until IS 'When these numbers were replaced: the time at which the transaction began that did it.';
COMMENT ON COLUMN boxoffice.sale_history.external_event_id IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.external_session_id IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.ticket_quantity IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.valid_quantity IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.currency IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.total_amount IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.fee_amount IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.tax_amount IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.discount_amount IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.refund_amount IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.kept_amount IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.net_amount IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.payment_status IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.refund_status IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.void_date IS 'As in ticket_sales, until then.';
COMMENT ON COLUMN boxoffice.sale_history.purchase_date IS 'As in ticket_sales, until then.';

CREATE INDEX ticket_sales_void_idx ON boxoffice.ticket_sales (event_id, void_date) WHERE void_date IS NOT NULL;

CREATE TABLE boxoffice.show_settings (
    event_id text COLLATE "C" NOT NULL,
    starts_at timestamptz NOT NULL DEFAULT '-infinity',
    capacity boxoffice.quantity,
    doors_at timestamptz,
    goal_tickets boxoffice.quantity,
    goal_amount boxoffice.amount,
    costs boxoffice.amount,
    currency boxoffice.currency_code,
    compare_with text[],
    note text,
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (event_id, starts_at),
    CONSTRAINT show_settings_money_has_currency CHECK (currency IS NOT NULL OR (goal_amount IS NULL AND costs IS NULL))
);
COMMENT ON TABLE boxoffice.show_settings IS 'What only the organiser knows of a show. Set with configure_show().';
COMMENT ON COLUMN boxoffice.show_settings.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice.show_settings.starts_at IS 'Start of the show, as the view shows has it; -infinity for the event as a whole.';
COMMENT ON COLUMN boxoffice.show_settings.capacity IS 'Places.';
COMMENT ON COLUMN boxoffice.show_settings.doors_at IS 'When the doors open.';
COMMENT ON COLUMN boxoffice.show_settings.goal_tickets IS 'Tickets that should be sold.';
COMMENT ON COLUMN boxoffice.show_settings.goal_amount IS 'Money that should be left after fees.';
COMMENT ON COLUMN boxoffice.show_settings.costs IS 'What the show costs: room, acts, technicians.';
COMMENT ON COLUMN boxoffice.show_settings.currency IS 'ISO 4217 code of goal_amount and costs.';
COMMENT ON COLUMN boxoffice.show_settings.compare_with IS 'Events that its pace is compared with; NULL: those most alike.';
COMMENT ON COLUMN boxoffice.show_settings.note IS 'A note.';
COMMENT ON COLUMN boxoffice.show_settings.updated_at IS 'When the row was last changed.';

CREATE TABLE boxoffice.console_settings (
    id boolean PRIMARY KEY DEFAULT true CONSTRAINT console_settings_is_one_row CHECK (id),
    organisation text,
    time_zone text,
    shared_addresses text[]
);
COMMENT ON TABLE boxoffice.console_settings IS 'Settings of the organisation, at most one row. Set with configure_console().';
COMMENT ON COLUMN boxoffice.console_settings.id IS 'Always true.';
COMMENT ON COLUMN boxoffice.console_settings.organisation IS 'Name of the organisation.';
COMMENT ON COLUMN boxoffice.console_settings.time_zone IS 'IANA zone for what spans several events; NULL is UTC.';
COMMENT ON COLUMN boxoffice.console_settings.shared_addresses IS 'E-mail addresses that stand for nobody: placeholders of platforms, the box office. They are no buyers.';

CREATE TABLE boxoffice.payouts (
    platform text COLLATE "C" NOT NULL,
    reference boxoffice.filled NOT NULL,
    paid_on date NOT NULL,
    currency boxoffice.currency_code NOT NULL,
    amount boxoffice.amount NOT NULL,
    event_ids text[] NOT NULL,
    note text,
    recorded_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (platform, reference),
    CONSTRAINT payouts_are_for_something CHECK (pg_catalog.cardinality(event_ids) > 0)
);
COMMENT ON TABLE boxoffice.payouts IS 'Money that a platform has paid out, as the organiser''s bank or receipt says. Set with record_payout().';
COMMENT ON COLUMN boxoffice.payouts.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.payouts.reference IS 'The platform''s reference of the payout.';
COMMENT ON COLUMN boxoffice.payouts.paid_on IS 'Day of the payment.';
COMMENT ON COLUMN boxoffice.payouts.currency IS 'ISO 4217 code of the amount.';
COMMENT ON COLUMN boxoffice.payouts.amount IS 'Amount paid.';
COMMENT ON COLUMN boxoffice.payouts.event_ids IS 'Our events that it is for.';
COMMENT ON COLUMN boxoffice.payouts.note IS 'A note.';
COMMENT ON COLUMN boxoffice.payouts.recorded_at IS 'When it was recorded.';
