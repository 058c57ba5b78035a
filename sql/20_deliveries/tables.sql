-- The log of deliveries, rejections, and what /ready tries out.

CREATE TABLE boxoffice.webhook_logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform text COLLATE "C" NOT NULL,
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
COMMENT ON COLUMN boxoffice.webhook_logs.platform IS 'Name of the platform.';
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
    CONSTRAINT webhook_rejections_body_bounded CHECK (pg_catalog.length(last_body) <= 512)
)
-- Room for the next counts on the page of a row, so that counting makes no new pages and touches no index.
WITH (fillfactor = 25);
COMMENT ON TABLE boxoffice.webhook_rejections IS 'Deliveries that were turned away: counted, with a bounded sample. Cannot grow: 16 rows of less than 2 kB for each platform and reason, whatever is sent.';
COMMENT ON COLUMN boxoffice.webhook_rejections.platform IS 'Name of the platform, or (unknown).';
COMMENT ON COLUMN boxoffice.webhook_rejections.reason IS 'Why, for example signature_mismatch. explain_webhook() says more.';
COMMENT ON COLUMN boxoffice.webhook_rejections.slot IS 'Backends count in different slots, so that a flood of forgeries makes no hot row.';
COMMENT ON COLUMN boxoffice.webhook_rejections.count IS 'How many.';
COMMENT ON COLUMN boxoffice.webhook_rejections.first_at IS 'When the first came.';
COMMENT ON COLUMN boxoffice.webhook_rejections.last_at IS 'When the last came.';
COMMENT ON COLUMN boxoffice.webhook_rejections.last_headers IS 'Headers of a recent one, redacted and cut to about 800 bytes. A session takes at most ten samples of a kind in a minute, so in a flood it is not the last one.';
COMMENT ON COLUMN boxoffice.webhook_rejections.last_body IS 'First 512 bytes of the same.';

CREATE TABLE boxoffice.ready_probe (
    only_row boolean PRIMARY KEY DEFAULT true,
    probes integer NOT NULL,
    CONSTRAINT ready_probe_has_one_row CHECK (only_row)
)
WITH (fillfactor = 10);
INSERT INTO boxoffice.ready_probe (probes) VALUES (0);
COMMENT ON TABLE boxoffice.ready_probe IS 'What check_ready() writes to, and takes back. Not dumped.';
COMMENT ON COLUMN boxoffice.ready_probe.only_row IS 'There is one row.';
COMMENT ON COLUMN boxoffice.ready_probe.probes IS 'Always 0: each write is rolled back.';
