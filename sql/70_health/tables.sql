-- How far the log has been read.

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
