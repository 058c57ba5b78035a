-- What arrives: the audit trail, what was turned away, what has to be fetched.

CREATE TABLE boxoffice.webhook_logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform boxoffice.platform_name NOT NULL,
    event_type text,
    source boxoffice.delivery_source NOT NULL DEFAULT 'webhook',
    status boxoffice.delivery_status NOT NULL,
    processed boolean NOT NULL,
    platform_order_id text,
    external_event_id text,
    error_message text,
    error_code text,
    notes text[],
    attempts integer NOT NULL DEFAULT 1,
    next_attempt_at timestamptz,
    verified_by text NOT NULL,
    fetched_at timestamptz,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    processed_at timestamptz
);
CREATE INDEX webhook_logs_created_at_idx ON boxoffice.webhook_logs (created_at);
CREATE INDEX webhook_logs_due_idx ON boxoffice.webhook_logs (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

COMMENT ON TABLE boxoffice.webhook_logs IS 'Every accepted delivery as it arrived and what became of it: audit trail and source of replays.';
COMMENT ON COLUMN boxoffice.webhook_logs.id IS 'Number of the delivery.';
COMMENT ON COLUMN boxoffice.webhook_logs.platform IS 'humanitix or eventbrite.';
COMMENT ON COLUMN boxoffice.webhook_logs.event_type IS 'The platform''s name for what happened; for API bodies: api. and the kind of resource. NULL when unreadable.';
COMMENT ON COLUMN boxoffice.webhook_logs.source IS 'webhook (pushed at us), manual (process_webhook) or api (an API body).';
COMMENT ON COLUMN boxoffice.webhook_logs.status IS 'processed; duplicate (said nothing new); ignored (not of interest, or a cancellation or refund that something newer has overruled: notes says which); queued (a hint, the resource will be fetched); invalid (cannot be understood, not tried again by itself); failed (will be tried again); dead (tried too often).';
COMMENT ON COLUMN boxoffice.webhook_logs.processed IS 'Nothing is left to be done about it.';
COMMENT ON COLUMN boxoffice.webhook_logs.platform_order_id IS 'The order that the delivery speaks of, when it is one.';
COMMENT ON COLUMN boxoffice.webhook_logs.external_event_id IS 'The platform''s event, when the delivery itself names it.';
COMMENT ON COLUMN boxoffice.webhook_logs.error_message IS 'Why it was not applied.';
COMMENT ON COLUMN boxoffice.webhook_logs.error_code IS 'SQLSTATE of the error.';
COMMENT ON COLUMN boxoffice.webhook_logs.notes IS 'What was odd about it, or why it was ignored.';
COMMENT ON COLUMN boxoffice.webhook_logs.attempts IS 'How often it was tried.';
COMMENT ON COLUMN boxoffice.webhook_logs.next_attempt_at IS 'When retry_failed_webhooks() will try again; only for status failed.';
COMMENT ON COLUMN boxoffice.webhook_logs.verified_by IS 'signature, path_token, open (the platform is open to everybody) or trusted (called from SQL).';
COMMENT ON COLUMN boxoffice.webhook_logs.fetched_at IS 'For API bodies: when we asked, by the clock of this database. Part of the facts, so replays reuse it.';
COMMENT ON COLUMN boxoffice.webhook_logs.headers IS 'Request headers; signatures, tokens and credentials redacted.';
COMMENT ON COLUMN boxoffice.webhook_logs.body IS 'The exact bytes.';
COMMENT ON COLUMN boxoffice.webhook_logs.created_at IS 'When it arrived. Part of the facts, because some news has no other time; replays reuse it.';
COMMENT ON COLUMN boxoffice.webhook_logs.processed_at IS 'When it was last applied successfully.';
COMMENT ON SEQUENCE boxoffice.webhook_logs_id_seq IS 'Numbers of deliveries.';

CREATE TABLE boxoffice.webhook_rejections (
    platform text NOT NULL,
    reason text NOT NULL,
    slot smallint NOT NULL,
    count bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    last_headers jsonb NOT NULL,
    last_body bytea NOT NULL,
    PRIMARY KEY (platform, reason, slot),
    CONSTRAINT webhook_rejections_slot_bounded CHECK (slot BETWEEN 0 AND 15),
    CONSTRAINT webhook_rejections_body_bounded CHECK (pg_catalog.length(last_body) <= 2048)
);

COMMENT ON TABLE boxoffice.webhook_rejections IS 'Deliveries that were turned away: counted, with a bounded sample. Cannot grow: 16 rows for each platform and reason, whatever is sent.';
COMMENT ON COLUMN boxoffice.webhook_rejections.platform IS 'humanitix, eventbrite, or (unknown).';
COMMENT ON COLUMN boxoffice.webhook_rejections.reason IS 'Why, for example signature_mismatch. explain_webhook() says more.';
COMMENT ON COLUMN boxoffice.webhook_rejections.slot IS 'Backends count in different slots, so that a flood of forgeries makes no hot row.';
COMMENT ON COLUMN boxoffice.webhook_rejections.count IS 'How many.';
COMMENT ON COLUMN boxoffice.webhook_rejections.first_at IS 'When the first came.';
COMMENT ON COLUMN boxoffice.webhook_rejections.last_at IS 'When the last came.';
COMMENT ON COLUMN boxoffice.webhook_rejections.last_headers IS 'Headers of the last one, redacted.';
COMMENT ON COLUMN boxoffice.webhook_rejections.last_body IS 'First 2048 bytes of the last one.';

CREATE TABLE boxoffice.fetch_jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform boxoffice.platform_name NOT NULL,
    account text COLLATE "C" NOT NULL DEFAULT 'default',
    path text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    resource_id text,
    external_event_id text,
    purpose text NOT NULL DEFAULT 'hint',
    priority smallint NOT NULL DEFAULT 0,
    run_id bigint,
    status text NOT NULL DEFAULT 'waiting',
    due_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    lease_id bigint,
    claimed_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    refusals integer NOT NULL DEFAULT 0,
    doubtful boolean NOT NULL DEFAULT false,
    restarts integer NOT NULL DEFAULT 0,
    list_pages integer NOT NULL DEFAULT 1,
    list_limit integer,
    list_total bigint,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    finished_at timestamptz,
    CONSTRAINT fetch_jobs_status_known CHECK (status IN ('waiting', 'leased', 'covered', 'done', 'gone', 'dead', 'dropped')),
    CONSTRAINT fetch_jobs_purpose_known CHECK (purpose IN ('hint', 'again', 'page')),
    CONSTRAINT fetch_jobs_kind_known CHECK (kind IN ('order', 'orders', 'ticket', 'tickets', 'attendee', 'attendees', 'event', 'events',
                                                     'organizations')),
    -- It stands in indexes.
    CONSTRAINT fetch_jobs_path_bounded CHECK (pg_catalog.octet_length(path) <= 2000),
    CONSTRAINT fetch_jobs_path_is_a_path CHECK (path ~ '^/[^/\\]' AND path !~ '[[:cntrl:][:space:]]')
);
-- Coalescing: one waiting job for a resource, however many hints arrive. A leased job does not count, so that a hint
-- that arrives during a fetch causes one more. Pages belong to their run and to nobody else.
CREATE UNIQUE INDEX fetch_jobs_waiting_idx ON boxoffice.fetch_jobs (platform, path, account) WHERE status = 'waiting' AND run_id IS NULL;
CREATE INDEX fetch_jobs_leased_idx ON boxoffice.fetch_jobs (platform, account, path) WHERE status = 'leased';
CREATE INDEX fetch_jobs_due_idx ON boxoffice.fetch_jobs (platform, account, priority, due_at) WHERE status IN ('waiting', 'leased');
CREATE UNIQUE INDEX fetch_jobs_lease_idx ON boxoffice.fetch_jobs (lease_id) WHERE lease_id IS NOT NULL;
CREATE INDEX fetch_jobs_run_idx ON boxoffice.fetch_jobs (run_id) WHERE run_id IS NOT NULL;

COMMENT ON TABLE boxoffice.fetch_jobs IS 'What has to be fetched from the platforms next. Paths only, never hosts: the worker knows where each platform lives.';
COMMENT ON COLUMN boxoffice.fetch_jobs.id IS 'Number of the job.';
COMMENT ON COLUMN boxoffice.fetch_jobs.platform IS 'humanitix or eventbrite.';
COMMENT ON COLUMN boxoffice.fetch_jobs.account IS 'Which of the worker''s credentials for the platform.';
COMMENT ON COLUMN boxoffice.fetch_jobs.path IS 'Path and query on the platform''s API, built from parsed ids.';
COMMENT ON COLUMN boxoffice.fetch_jobs.kind IS 'What the answer will be.';
COMMENT ON COLUMN boxoffice.fetch_jobs.resource_id IS 'The resource''s own id; NULL for a page.';
COMMENT ON COLUMN boxoffice.fetch_jobs.external_event_id IS 'The platform''s id of the event, when the hint told it.';
COMMENT ON COLUMN boxoffice.fetch_jobs.purpose IS 'hint (something has changed), again (a second look at something doubtful) or page (of a synchronisation).';
COMMENT ON COLUMN boxoffice.fetch_jobs.priority IS 'The lowest number first: 0 hints, 1 lists in their place, 2 asked for by hand, 3 scheduled, 4 daily, 5 second looks, 6 hints of what nobody has heard of and no list has shown. Each has a share of the hour''s calls; see claim_fetches().';
COMMENT ON COLUMN boxoffice.fetch_jobs.run_id IS 'The synchronisation that a page belongs to, or that stands in for the job while it is covered.';
COMMENT ON COLUMN boxoffice.fetch_jobs.status IS 'waiting, leased, covered (a list that is being read will show it), done, gone (the platform has no such resource), dead (given up; last_error says why) or dropped (one of too many hints of what nobody has heard of).';
COMMENT ON COLUMN boxoffice.fetch_jobs.due_at IS 'Not before this time. Of a leased job: a worker that has not answered by then has lost it.';
COMMENT ON COLUMN boxoffice.fetch_jobs.lease_id IS 'The number that claim_fetches() handed out; a later lease makes it void.';
COMMENT ON COLUMN boxoffice.fetch_jobs.claimed_at IS 'When it was handed out: the time that its answer counts as fetched.';
COMMENT ON COLUMN boxoffice.fetch_jobs.attempts IS 'How often it was tried.';
COMMENT ON COLUMN boxoffice.fetch_jobs.refusals IS 'How often the platform has refused the credential when asked for it.';
COMMENT ON COLUMN boxoffice.fetch_jobs.doubtful IS 'The hint was of something that nobody had heard of here when it was asked for.';
COMMENT ON COLUMN boxoffice.fetch_jobs.restarts IS 'How often its list began anew, or how often a list did not show it after all.';
COMMENT ON COLUMN boxoffice.fetch_jobs.list_pages IS 'Number of this page in its list, from 1.';
COMMENT ON COLUMN boxoffice.fetch_jobs.list_limit IS 'Most pages that the list may have, by what its first page announced; a list that goes on beyond is given up.';
COMMENT ON COLUMN boxoffice.fetch_jobs.list_total IS 'Items that the list had when its page before was read; a list that has become shorter is read anew.';
COMMENT ON COLUMN boxoffice.fetch_jobs.last_error IS 'Why the last try failed.';
COMMENT ON COLUMN boxoffice.fetch_jobs.created_at IS 'When the first hint arrived.';
COMMENT ON COLUMN boxoffice.fetch_jobs.finished_at IS 'When it was finished.';
COMMENT ON SEQUENCE boxoffice.fetch_jobs_id_seq IS 'Numbers of jobs.';

CREATE SEQUENCE boxoffice.fetch_lease_seq;
COMMENT ON SEQUENCE boxoffice.fetch_lease_seq IS 'Numbers of leases.';
