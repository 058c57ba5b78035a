-- What comparisons have found.

CREATE TABLE boxoffice.reconciliation_differences (
    run_id bigint NOT NULL,
    platform boxoffice.platform_name NOT NULL,
    platform_order_id boxoffice.filled NOT NULL,
    platform_attendee_id text COLLATE "C" NOT NULL DEFAULT '',
    difference text NOT NULL,
    columns text[] NOT NULL DEFAULT '{}',
    ours jsonb,
    theirs jsonb,
    currency text,
    money_difference numeric,
    healed boolean NOT NULL,
    found_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (run_id, platform_order_id, platform_attendee_id),
    CONSTRAINT reconciliation_differences_known CHECK (difference IN ('missing_here', 'missing_there', 'amount', 'status', 'details',
        'attendee_missing_here', 'attendee_missing_there', 'attendee_status', 'check_in', 'attendee_details'))
);
COMMENT ON TABLE boxoffice.reconciliation_differences IS 'What reconciliations found: one row for each order or attendee that was not here as the platform shows it. No personal data: of names and addresses only that they differ.';
COMMENT ON COLUMN boxoffice.reconciliation_differences.run_id IS 'The run, in sync_history.';
COMMENT ON COLUMN boxoffice.reconciliation_differences.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.reconciliation_differences.platform_order_id IS 'The order.';
COMMENT ON COLUMN boxoffice.reconciliation_differences.platform_attendee_id IS 'The attendee; empty for the order itself.';
COMMENT ON COLUMN boxoffice.reconciliation_differences.difference IS 'missing_here, missing_there, amount, status, details; for attendees attendee_missing_here, attendee_missing_there, attendee_status, check_in, attendee_details. Where several apply, the first in this order.';
COMMENT ON COLUMN boxoffice.reconciliation_differences.columns IS 'The columns that differ.';
COMMENT ON COLUMN boxoffice.reconciliation_differences.ours IS 'What was here, of amounts, quantities and statuses that differ.';
COMMENT ON COLUMN boxoffice.reconciliation_differences.theirs IS 'What follows from the platform''s listing.';
COMMENT ON COLUMN boxoffice.reconciliation_differences.currency IS 'ISO 4217 code of the amounts.';
COMMENT ON COLUMN boxoffice.reconciliation_differences.money_difference IS 'kept_amount, theirs less ours.';
COMMENT ON COLUMN boxoffice.reconciliation_differences.healed IS 'Our row was put right. Of missing_there: the order is asked for by itself, and its answer decides.';
COMMENT ON COLUMN boxoffice.reconciliation_differences.found_at IS 'When it was found.';
