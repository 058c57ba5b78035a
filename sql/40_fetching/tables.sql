-- Calls to make, and the credentials they are made with, by name.

CREATE TABLE boxoffice.fetch_jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform text COLLATE "C" NOT NULL,
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
    refused boolean NOT NULL DEFAULT false,
    doubtful boolean NOT NULL DEFAULT false,
    restarts integer NOT NULL DEFAULT 0,
    -- What a list has not shown once is not asked for by another list of that kind: it may never show it. Those of orders show
    -- their attendees too.
    list_may_show boolean NOT NULL GENERATED ALWAYS AS (
        purpose = 'hint' AND ((kind = 'order' AND restarts = 0) OR (kind = 'attendee' AND restarts < 2))) STORED,
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
COMMENT ON COLUMN boxoffice.fetch_jobs.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.fetch_jobs.account IS 'Which of the worker''s credentials for the platform.';
COMMENT ON COLUMN boxoffice.fetch_jobs.path IS 'Path and query on the platform''s API, built from parsed ids.';
COMMENT ON COLUMN boxoffice.fetch_jobs.kind IS 'What the answer will be.';
COMMENT ON COLUMN boxoffice.fetch_jobs.resource_id IS 'The resource''s own id; NULL for a page.';
COMMENT ON COLUMN boxoffice.fetch_jobs.external_event_id IS 'The platform''s id of the event, when the hint told it.';
COMMENT ON COLUMN boxoffice.fetch_jobs.purpose IS 'hint (something has changed), again (a second look at something doubtful) or page (of a synchronisation).';
COMMENT ON COLUMN boxoffice.fetch_jobs.priority IS 'The lowest number first: -1 the account''s own list after a repair, 0 hints, 1 lists in their place, 2 asked for by hand, 3 scheduled, 4 daily, 5 second looks, 6 hints of what nobody has heard of and no list has shown. Each has a share of the hour''s calls; see claim_fetches().';
COMMENT ON COLUMN boxoffice.fetch_jobs.run_id IS 'The synchronisation that a page belongs to, or that stands in for the job while it is covered.';
COMMENT ON COLUMN boxoffice.fetch_jobs.status IS 'waiting, leased, covered (a list that is being read will show it), done, gone (the platform has no such resource), dead (given up; last_error says why) or dropped (one of too many hints of what nobody has heard of).';
COMMENT ON COLUMN boxoffice.fetch_jobs.due_at IS 'Not before this time. Of a leased job: a worker that has not answered by then has lost it.';
COMMENT ON COLUMN boxoffice.fetch_jobs.lease_id IS 'The number that claim_fetches() handed out; a later lease makes it void.';
COMMENT ON COLUMN boxoffice.fetch_jobs.claimed_at IS 'When it was handed out: the time that its answer counts as fetched.';
COMMENT ON COLUMN boxoffice.fetch_jobs.attempts IS 'How often it was tried.';
COMMENT ON COLUMN boxoffice.fetch_jobs.refusals IS 'How often the platform has refused the credential when asked for it.';
COMMENT ON COLUMN boxoffice.fetch_jobs.refused IS 'It was put off because the credential was refused; due at once when that works again.';
COMMENT ON COLUMN boxoffice.fetch_jobs.doubtful IS 'The hint was of something that nobody had heard of here when it was asked for.';
COMMENT ON COLUMN boxoffice.fetch_jobs.restarts IS 'How often its list began anew, or how often a list did not show it after all.';
COMMENT ON COLUMN boxoffice.fetch_jobs.list_may_show IS 'A hint that a list of what has changed may show; it waits for one when too many do.';
COMMENT ON COLUMN boxoffice.fetch_jobs.list_pages IS 'Number of this page in its list, from 1.';
COMMENT ON COLUMN boxoffice.fetch_jobs.list_limit IS 'Most pages that the list may have, by what its first page announced; a list that goes on beyond is given up.';
COMMENT ON COLUMN boxoffice.fetch_jobs.list_total IS 'Items that the list had when its page before was read; a list that has become shorter is read anew.';
COMMENT ON COLUMN boxoffice.fetch_jobs.last_error IS 'Why the last try failed.';
COMMENT ON COLUMN boxoffice.fetch_jobs.created_at IS 'When the first hint arrived.';
COMMENT ON COLUMN boxoffice.fetch_jobs.finished_at IS 'When it was finished.';
COMMENT ON SEQUENCE boxoffice.fetch_jobs_id_seq IS 'Numbers of jobs.';

CREATE SEQUENCE boxoffice.fetch_lease_seq;
COMMENT ON SEQUENCE boxoffice.fetch_lease_seq IS 'Numbers of leases.';

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
COMMENT ON COLUMN boxoffice.platform_accounts.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.platform_accounts.name IS 'Name of the credential; default for the one in the worker''s variable, see platforms.credential_variable.';
COMMENT ON COLUMN boxoffice.platform_accounts.status IS 'active; stopped (the platform refused the credential: nothing is called any more); probing (one call at a time, until one succeeds).';
COMMENT ON COLUMN boxoffice.platform_accounts.stopped_reason IS 'What the platform said when it refused.';
COMMENT ON COLUMN boxoffice.platform_accounts.stopped_at IS 'When that was.';
COMMENT ON COLUMN boxoffice.platform_accounts.resumed_at IS 'When it was last let go on after that: a refusal of a call that was made before says nothing any more.';
COMMENT ON COLUMN boxoffice.platform_accounts.blocked_until IS 'No call before this time: the platform asked for a pause, or is in trouble.';
COMMENT ON COLUMN boxoffice.platform_accounts.failures IS 'Calls in a row that met with trouble; from 3 on one call at a time.';
COMMENT ON COLUMN boxoffice.platform_accounts.troubled_at IS 'When the present trouble began: the first of those calls. NULL when all is well.';
COMMENT ON COLUMN boxoffice.platform_accounts.last_error IS 'The newest trouble; NULL when all is well.';
COMMENT ON COLUMN boxoffice.platform_accounts.discovery_error IS 'Why the account''s events, or some of them, could not be listed the last time; NULL after a success.';
COMMENT ON COLUMN boxoffice.platform_accounts.calls_per_hour IS 'Most calls in any 60 minutes, by all workers together. The default is platforms.calls_per_hour.';
COMMENT ON COLUMN boxoffice.platform_accounts.max_in_flight IS 'Most calls at the same time, by all workers together.';
COMMENT ON COLUMN boxoffice.platform_accounts.organization_ids IS 'Where platforms.has_organizations: those whose events are listed; found automatically when empty.';
COMMENT ON COLUMN boxoffice.platform_accounts.locations IS 'Where platforms.has_locations: data regions besides the account''s own, for example {NZ}.';
COMMENT ON COLUMN boxoffice.platform_accounts.webhook_ids IS 'Registrations whose hints are fetched with this credential. Not needed while there is only one.';
COMMENT ON COLUMN boxoffice.platform_accounts.auto_link IS 'Events found in the account''s listing get an event of ours each by themselves.';
COMMENT ON COLUMN boxoffice.platform_accounts.burst_threshold IS 'Where platforms.has_organizations: when more orders (or attendees) than this wait to be fetched, lists of everything changed are read in their place.';
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
COMMENT ON COLUMN boxoffice.account_calls.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.account_calls.name IS 'The account.';
COMMENT ON COLUMN boxoffice.account_calls.minute IS 'Start of the minute.';
COMMENT ON COLUMN boxoffice.account_calls.calls IS 'Calls handed out in it.';
COMMENT ON COLUMN boxoffice.account_calls.hint_calls IS 'Of them: for single hints.';
COMMENT ON COLUMN boxoffice.account_calls.doubtful_calls IS 'Of those: of what nobody had heard of here.';
COMMENT ON COLUMN boxoffice.account_calls.scheduled_calls IS 'Of all of them: what the schedule asked for, comparisons and second looks.';
