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

COMMENT ON SCHEMA boxoffice IS 'Ticket sales: webhooks and API pages of ticketing platforms, normalised, with their audit trail.';
