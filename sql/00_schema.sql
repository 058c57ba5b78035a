-- The schema belongs to the extension: a schema of that name that is already there makes CREATE EXTENSION fail, loudly.

DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() OPERATOR(pg_catalog.<>) 'UTF8' THEN
        RAISE EXCEPTION 'boxoffice needs a database with encoding UTF8'
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = pg_catalog.format('The encoding of this database is %s.', pg_catalog.getdatabaseencoding()),
                  HINT = 'Create the database with ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END
$$;

CREATE SCHEMA boxoffice;

-- What deliveries lock. In a schema of its own that nobody else may use: a name that cannot be looked up cannot be locked,
-- while anybody who may connect can take any advisory lock there is.
CREATE SCHEMA boxoffice_private;
COMMENT ON SCHEMA boxoffice_private IS 'Locks of boxoffice. Nobody but the owner may use it.';

CREATE TABLE boxoffice_private.link_lock ();
COMMENT ON TABLE boxoffice_private.link_lock IS 'Always empty. Whatever writes sales locks it in mode ROW EXCLUSIVE before anything else, link_event() and unlink_event() in mode SHARE ROW EXCLUSIVE, so that no sale is written with a link as it was before.';

CREATE TABLE boxoffice_private.task_lock (
    id boolean PRIMARY KEY DEFAULT true CONSTRAINT task_lock_is_one_row CHECK (id)
);
COMMENT ON TABLE boxoffice_private.task_lock IS 'One row, locked by whoever runs run_due_tasks(). Not dumped.';
COMMENT ON COLUMN boxoffice_private.task_lock.id IS 'Always true.';
INSERT INTO boxoffice_private.task_lock DEFAULT VALUES;

COMMENT ON SCHEMA boxoffice IS 'Ticket sales: webhooks and API pages of ticketing platforms, normalised, with their audit trail.';

-- The values that the tables hold. Domains, because their checks are kept ready by the server, while a CHECK of a table is
-- read anew by each statement that writes (8 % of a delivery for three of them). What spans columns: check_consistency().
-- Ids and words compare by their bytes: faster in indexes, and the same whatever the locale of the system becomes.

CREATE DOMAIN boxoffice.platform_name AS text COLLATE "C" CHECK (VALUE ~ '^[a-z][a-z0-9_]{0,31}$');
COMMENT ON DOMAIN boxoffice.platform_name IS 'Name of a platform; which there are, boxoffice.platforms says.';

CREATE DOMAIN boxoffice.filled AS text COLLATE "C" CHECK (VALUE <> '');
COMMENT ON DOMAIN boxoffice.filled IS 'An id of a platform: never an empty string.';

CREATE DOMAIN boxoffice.currency_code AS text COLLATE "C" CHECK (VALUE ~ '^[A-Z]{3}$');
COMMENT ON DOMAIN boxoffice.currency_code IS 'ISO 4217 code.';

CREATE DOMAIN boxoffice.amount AS numeric CHECK (VALUE >= 0);
COMMENT ON DOMAIN boxoffice.amount IS 'Exact amount of money in major units, not negative.';

CREATE DOMAIN boxoffice.quantity AS integer CHECK (VALUE >= 0);
COMMENT ON DOMAIN boxoffice.quantity IS 'Number of things, not negative.';

CREATE DOMAIN boxoffice.refund_status AS text COLLATE "C" CHECK (VALUE IN ('none', 'requested', 'partial', 'refunded', 'cancelled'));
COMMENT ON DOMAIN boxoffice.refund_status IS 'none, requested, partial, refunded, or cancelled (void without a refund).';

CREATE DOMAIN boxoffice.payment_status AS text COLLATE "C" CHECK (VALUE IN ('paid', 'free', 'unpaid'));
COMMENT ON DOMAIN boxoffice.payment_status IS 'paid, free or unpaid.';

CREATE DOMAIN boxoffice.attendee_status AS text COLLATE "C" CHECK (VALUE IN ('registered', 'checked_in', 'no_show', 'cancelled'));
COMMENT ON DOMAIN boxoffice.attendee_status IS 'registered, checked_in, no_show or cancelled.';

CREATE DOMAIN boxoffice.delivery_source AS text COLLATE "C" CHECK (VALUE IN ('webhook', 'manual', 'api'));
COMMENT ON DOMAIN boxoffice.delivery_source IS 'webhook, manual or api.';

CREATE DOMAIN boxoffice.delivery_status AS text COLLATE "C"
    CHECK (VALUE IN ('processed', 'duplicate', 'ignored', 'queued', 'invalid', 'failed', 'dead'));
COMMENT ON DOMAIN boxoffice.delivery_status IS 'processed, duplicate, ignored, queued, invalid, failed or dead.';
