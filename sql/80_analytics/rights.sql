-- Who may read the figures: whoever may read the sales that they are made of.

ALTER TABLE boxoffice.sales_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.sheet_marks ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.sheet_coverage ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.sale_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.show_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE boxoffice.payouts ENABLE ROW LEVEL SECURITY;

-- Which platform events those are is asked once a query: ticket_platforms shows a reader theirs only.
CREATE POLICY readers ON boxoffice.sales_days FOR SELECT
    USING ((SELECT '*' = ANY (boxoffice.readable_events(current_user)))
        OR (platform, external_event_id) IN (SELECT p.platform, p.external_event_id FROM boxoffice.ticket_platforms p));
CREATE POLICY readers ON boxoffice.sheet_marks FOR SELECT
    USING ((SELECT '*' = ANY (boxoffice.readable_events(current_user)))
        OR (platform, external_event_id) IN (SELECT p.platform, p.external_event_id FROM boxoffice.ticket_platforms p));
CREATE POLICY readers ON boxoffice.sheet_coverage FOR SELECT
    USING ((SELECT '*' = ANY (boxoffice.readable_events(current_user)))
        OR (platform, external_event_id) IN (SELECT p.platform, p.external_event_id FROM boxoffice.ticket_platforms p));
CREATE POLICY readers ON boxoffice.sale_history FOR SELECT
    USING ((SELECT '*' = ANY (boxoffice.readable_events(current_user)))
        OR (platform, external_event_id) IN (SELECT p.platform, p.external_event_id FROM boxoffice.ticket_platforms p));
CREATE POLICY readers ON boxoffice.show_settings FOR SELECT
    USING (ARRAY[event_id, '*'] && (SELECT boxoffice.readable_events(current_user)));
-- A payout for several events is read by whoever may read all of them.
CREATE POLICY readers ON boxoffice.payouts FOR SELECT
    USING ((SELECT '*' = ANY (boxoffice.readable_events(current_user))) OR event_ids <@ (SELECT boxoffice.readable_events(current_user)));

SELECT pg_catalog.pg_extension_config_dump('boxoffice.sale_history', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.show_settings', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.console_settings', '');
SELECT pg_catalog.pg_extension_config_dump('boxoffice.payouts', '');
-- Sheets, marks and coverage are left out on purpose: they are made of the rows.
