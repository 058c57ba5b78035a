-- Synchronisations and what they have read.

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
    failure text,
    CONSTRAINT sync_history_mode_known CHECK (mode IN ('full', 'changes', 'reconcile', 'discovery', 'burst')),
    CONSTRAINT sync_history_status_known CHECK (status IN ('running', 'finishing', 'done', 'failed')),
    CONSTRAINT sync_history_failure_known CHECK (failure IN ('not_found', 'refused', 'unreadable', 'no_list', 'no_credential', 'stalled',
                                                             'unfinished', 'ended'))
);
-- One at a time of each kind; what somebody asks for by hand may come beside it.
CREATE UNIQUE INDEX sync_history_running_idx ON boxoffice.sync_history (platform, account, mode, COALESCE(external_event_id, ''))
    WHERE status IN ('running', 'finishing') AND mode <> 'burst' AND reason <> 'manual';
CREATE INDEX sync_history_open_idx ON boxoffice.sync_history (id) WHERE status IN ('running', 'finishing');
CREATE INDEX sync_history_open_event_idx ON boxoffice.sync_history (platform, external_event_id) WHERE status IN ('running', 'finishing');
CREATE INDEX sync_history_event_idx ON boxoffice.sync_history (platform, external_event_id, started_at);
COMMENT ON TABLE boxoffice.sync_history IS 'Synchronisations; sync_runs shows them with their progress.';
COMMENT ON COLUMN boxoffice.sync_history.id IS 'Number of the run.';
COMMENT ON COLUMN boxoffice.sync_history.platform IS 'Name of the platform.';
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
COMMENT ON COLUMN boxoffice.sync_history.failure IS 'The same in a word: not_found (the platform knows no such event or list), refused (the credential, or what it may see), unreadable (a list could not be read to its end, or not be applied), no_list (there is nothing to ask for), no_credential (no worker holds it), stalled (it stood still for too long), unfinished (what was left after the last page failed) or ended (by hand).';
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
