-- The outbound side: credentials by name, calls per hour, synchronisations and what they found.

CREATE TABLE boxoffice.platform_accounts (
    platform boxoffice.platform_name NOT NULL,
    name text COLLATE "C" NOT NULL,
    status text NOT NULL DEFAULT 'active',
    stopped_reason text,
    stopped_at timestamptz,
    resumed_at timestamptz,
    blocked_until timestamptz,
    failures integer NOT NULL DEFAULT 0,
    troubled_at timestamptz,
    last_error text,
    discovery_error text,
    calls_per_hour integer NOT NULL,
    max_in_flight integer NOT NULL DEFAULT 4,
    organization_ids text[] NOT NULL DEFAULT '{}',
    locations text[] NOT NULL DEFAULT '{}',
    webhook_ids text[] NOT NULL DEFAULT '{}',
    auto_link boolean NOT NULL DEFAULT false,
    burst_threshold integer NOT NULL DEFAULT 20,
    burst_until timestamptz,
    burst_off_until timestamptz,
    discovered_at timestamptz,
    announced_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (platform, name),
    CONSTRAINT platform_accounts_status_known CHECK (status IN ('active', 'probing', 'stopped')),
    CONSTRAINT platform_accounts_name_is_a_name CHECK (name ~ '^[a-z0-9_-]{1,40}$'),
    CONSTRAINT platform_accounts_limits_sensible CHECK (calls_per_hour BETWEEN 1 AND 1000000 AND max_in_flight BETWEEN 1 AND 64
        AND burst_threshold BETWEEN 1 AND 1000000)
);

COMMENT ON TABLE boxoffice.platform_accounts IS 'The worker''s credentials, by name only: what each may do and how it fares. The secrets are in the worker''s environment or its credentials file, and nowhere else. Set with configure_account().';
COMMENT ON COLUMN boxoffice.platform_accounts.platform IS 'humanitix or eventbrite.';
COMMENT ON COLUMN boxoffice.platform_accounts.name IS 'Name of the credential; default for HUMANITIX_API_KEY and EVENTBRITE_OAUTH_TOKEN.';
COMMENT ON COLUMN boxoffice.platform_accounts.status IS 'active; stopped (the platform refused the credential: nothing is called any more); probing (one call at a time, until one succeeds).';
COMMENT ON COLUMN boxoffice.platform_accounts.stopped_reason IS 'What the platform said when it refused.';
COMMENT ON COLUMN boxoffice.platform_accounts.stopped_at IS 'When that was.';
COMMENT ON COLUMN boxoffice.platform_accounts.resumed_at IS 'When it was last let go on after that: a refusal of a call that was made before says nothing any more.';
COMMENT ON COLUMN boxoffice.platform_accounts.blocked_until IS 'No call before this time: the platform asked for a pause, or is in trouble.';
COMMENT ON COLUMN boxoffice.platform_accounts.failures IS 'Calls in a row that met with trouble; from 3 on one call at a time.';
COMMENT ON COLUMN boxoffice.platform_accounts.troubled_at IS 'When the present trouble began: the first of those calls. NULL when all is well.';
COMMENT ON COLUMN boxoffice.platform_accounts.last_error IS 'The newest trouble; NULL when all is well.';
COMMENT ON COLUMN boxoffice.platform_accounts.discovery_error IS 'Why the account''s events, or some of them, could not be listed the last time; NULL after a success.';
COMMENT ON COLUMN boxoffice.platform_accounts.calls_per_hour IS 'Most calls in any 60 minutes, by all workers together. Eventbrite allows 2000 for a token; Humanitix publishes no limit.';
COMMENT ON COLUMN boxoffice.platform_accounts.max_in_flight IS 'Most calls at the same time, by all workers together.';
COMMENT ON COLUMN boxoffice.platform_accounts.organization_ids IS 'Eventbrite: the organizations whose events are listed; found by itself when empty.';
COMMENT ON COLUMN boxoffice.platform_accounts.locations IS 'Humanitix: data regions besides the account''s own (overrideLocation), for example {NZ}.';
COMMENT ON COLUMN boxoffice.platform_accounts.webhook_ids IS 'Eventbrite: registrations whose hints are fetched with this credential. Not needed while there is only one.';
COMMENT ON COLUMN boxoffice.platform_accounts.auto_link IS 'Events found in the account''s listing get an event of ours each by themselves.';
COMMENT ON COLUMN boxoffice.platform_accounts.burst_threshold IS 'Eventbrite: when more orders (or attendees) than this wait to be fetched, lists of everything changed are read in their place.';
COMMENT ON COLUMN boxoffice.platform_accounts.burst_until IS 'Until then hints wait for the next list.';
COMMENT ON COLUMN boxoffice.platform_accounts.burst_off_until IS 'Until then no lists, because reading one has failed.';
COMMENT ON COLUMN boxoffice.platform_accounts.discovered_at IS 'When the account''s events were last listed.';
COMMENT ON COLUMN boxoffice.platform_accounts.announced_at IS 'When a worker last said that it holds this credential: at its start, and then about once a minute with its claims. After five minutes without a word nobody does.';
COMMENT ON COLUMN boxoffice.platform_accounts.created_at IS 'When it was first heard of.';

CREATE TABLE boxoffice.account_calls (
    platform boxoffice.platform_name NOT NULL,
    name text COLLATE "C" NOT NULL,
    minute timestamptz NOT NULL,
    calls integer NOT NULL,
    hint_calls integer NOT NULL DEFAULT 0,
    doubtful_calls integer NOT NULL DEFAULT 0,
    scheduled_calls integer NOT NULL DEFAULT 0,
    PRIMARY KEY (platform, name, minute)
);
COMMENT ON TABLE boxoffice.account_calls IS 'Calls of the last hour, by minute: what calls_per_hour is held against.';
COMMENT ON COLUMN boxoffice.account_calls.platform IS 'humanitix or eventbrite.';
COMMENT ON COLUMN boxoffice.account_calls.name IS 'The account.';
COMMENT ON COLUMN boxoffice.account_calls.minute IS 'Start of the minute.';
COMMENT ON COLUMN boxoffice.account_calls.calls IS 'Calls handed out in it.';
COMMENT ON COLUMN boxoffice.account_calls.hint_calls IS 'Of them: for single hints.';
COMMENT ON COLUMN boxoffice.account_calls.doubtful_calls IS 'Of those: of what nobody had heard of here.';
COMMENT ON COLUMN boxoffice.account_calls.scheduled_calls IS 'Of all of them: what the schedule asked for, comparisons and second looks.';

CREATE TABLE boxoffice.sync_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform boxoffice.platform_name NOT NULL,
    account text COLLATE "C" NOT NULL,
    external_event_id text,
    mode text NOT NULL,
    reason text NOT NULL,
    dry_run boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'running',
    since timestamptz,
    priority smallint NOT NULL,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    open_lists integer NOT NULL DEFAULT 0,
    orders_from timestamptz,
    tickets_from timestamptz,
    pages integer NOT NULL DEFAULT 0,
    items bigint NOT NULL DEFAULT 0,
    expected_items bigint,
    rows_changed bigint NOT NULL DEFAULT 0,
    new_orders bigint NOT NULL DEFAULT 0,
    problems bigint NOT NULL DEFAULT 0,
    finish_after text COLLATE "C",
    missing integer,
    progress_at timestamptz,
    finished_at timestamptz,
    error text,
    CONSTRAINT sync_history_mode_known CHECK (mode IN ('full', 'changes', 'reconcile', 'discovery', 'burst')),
    CONSTRAINT sync_history_status_known CHECK (status IN ('running', 'finishing', 'done', 'failed'))
);
-- One at a time of each kind; what somebody asks for by hand may come beside it.
CREATE UNIQUE INDEX sync_history_running_idx ON boxoffice.sync_history (platform, account, mode, COALESCE(external_event_id, ''))
    WHERE status IN ('running', 'finishing') AND mode <> 'burst' AND reason <> 'manual';
CREATE INDEX sync_history_open_idx ON boxoffice.sync_history (id) WHERE status IN ('running', 'finishing');
CREATE INDEX sync_history_open_event_idx ON boxoffice.sync_history (platform, external_event_id) WHERE status IN ('running', 'finishing');
CREATE INDEX sync_history_event_idx ON boxoffice.sync_history (platform, external_event_id, started_at);

COMMENT ON TABLE boxoffice.sync_history IS 'Synchronisations; sync_runs shows them with their progress.';
COMMENT ON COLUMN boxoffice.sync_history.id IS 'Number of the run.';
COMMENT ON COLUMN boxoffice.sync_history.platform IS 'humanitix or eventbrite.';
COMMENT ON COLUMN boxoffice.sync_history.account IS 'The credential.';
COMMENT ON COLUMN boxoffice.sync_history.external_event_id IS 'The platform''s event; NULL when it is about the account.';
COMMENT ON COLUMN boxoffice.sync_history.mode IS 'full (everything), changes (since the last one), reconcile (everything, compared with what is here), discovery (the account''s events) or burst (a list in place of many hints).';
COMMENT ON COLUMN boxoffice.sync_history.reason IS 'manual, first, schedule, daily or burst.';
COMMENT ON COLUMN boxoffice.sync_history.dry_run IS 'Compared only: nothing was changed.';
COMMENT ON COLUMN boxoffice.sync_history.status IS 'running, finishing (all pages are read), done or failed.';
COMMENT ON COLUMN boxoffice.sync_history.since IS 'Only what has changed since then was asked for.';
COMMENT ON COLUMN boxoffice.sync_history.priority IS 'Priority of its pages.';
COMMENT ON COLUMN boxoffice.sync_history.started_at IS 'Start.';
COMMENT ON COLUMN boxoffice.sync_history.open_lists IS 'Lists that are not read to their end.';
COMMENT ON COLUMN boxoffice.sync_history.orders_from IS 'When the first page of the orders was asked for.';
COMMENT ON COLUMN boxoffice.sync_history.tickets_from IS 'When the first page of the tickets was asked for.';
COMMENT ON COLUMN boxoffice.sync_history.pages IS 'Pages read.';
COMMENT ON COLUMN boxoffice.sync_history.items IS 'Items read: orders, tickets, events.';
COMMENT ON COLUMN boxoffice.sync_history.expected_items IS 'Items that the platform announced with the first pages.';
COMMENT ON COLUMN boxoffice.sync_history.rows_changed IS 'Rows of ticket_sales, attendees and ticket_platforms written.';
COMMENT ON COLUMN boxoffice.sync_history.new_orders IS 'Orders that were not here before.';
COMMENT ON COLUMN boxoffice.sync_history.problems IS 'Items that could not be used or were odd; the notes of the kept pages say more.';
COMMENT ON COLUMN boxoffice.sync_history.finish_after IS 'Orders up to this one are finished with.';
COMMENT ON COLUMN boxoffice.sync_history.missing IS 'Orders here that the complete listing did not show; each is asked for by itself.';
COMMENT ON COLUMN boxoffice.sync_history.progress_at IS 'When its last page was taken in; NULL before the first. A run without progress for an hour (six, when it has read something) is ended.';
COMMENT ON COLUMN boxoffice.sync_history.finished_at IS 'End.';
COMMENT ON COLUMN boxoffice.sync_history.error IS 'Why it failed.';
COMMENT ON SEQUENCE boxoffice.sync_history_id_seq IS 'Numbers of synchronisations.';

CREATE TABLE boxoffice.sync_pages (
    run_id bigint NOT NULL,
    job_id bigint NOT NULL,
    order_ids text[] NOT NULL,
    attendee_ids text[] NOT NULL,
    PRIMARY KEY (run_id, job_id)
);
COMMENT ON TABLE boxoffice.sync_pages IS 'What the pages of running synchronisations have shown; emptied when they end.';
COMMENT ON COLUMN boxoffice.sync_pages.run_id IS 'The run.';
COMMENT ON COLUMN boxoffice.sync_pages.job_id IS 'The job that fetched the page.';
COMMENT ON COLUMN boxoffice.sync_pages.order_ids IS 'Orders on it.';
COMMENT ON COLUMN boxoffice.sync_pages.attendee_ids IS 'Attendees on it; only of lists that stand in for hints.';

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
COMMENT ON COLUMN boxoffice.reconciliation_differences.platform IS 'humanitix or eventbrite.';
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

CREATE TABLE boxoffice.deliveries_noted (
    only_row boolean NOT NULL DEFAULT true PRIMARY KEY,
    until timestamptz NOT NULL,
    last_id bigint NOT NULL,
    CONSTRAINT deliveries_noted_one_row CHECK (only_row)
);
COMMENT ON TABLE boxoffice.deliveries_noted IS 'One row: how far note_deliveries() has read the log of deliveries.';
COMMENT ON COLUMN boxoffice.deliveries_noted.only_row IS 'true.';
COMMENT ON COLUMN boxoffice.deliveries_noted.until IS 'Deliveries that arrived up to then are in ticket_platforms.last_delivery_at.';
COMMENT ON COLUMN boxoffice.deliveries_noted.last_id IS 'The last of them.';
