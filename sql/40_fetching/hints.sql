-- Hints of changes: which are worth a call.

CREATE FUNCTION boxoffice.has_heard_of(platform text, kind text, resource_id text, external_event_id text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, boxoffice, pg_temp
AS $$
    SELECT CASE kind
        WHEN 'order' THEN EXISTS (SELECT FROM boxoffice.order_states o
            WHERE o.platform = has_heard_of.platform AND o.platform_order_id = has_heard_of.resource_id)
        WHEN 'event' THEN EXISTS (SELECT FROM boxoffice.ticket_platforms t
            WHERE t.platform = has_heard_of.platform AND t.external_event_id = has_heard_of.resource_id)
        -- Attendees cannot be found by their own ids without reading all of them.
        WHEN 'attendee' THEN EXISTS (SELECT FROM boxoffice.ticket_platforms t
            WHERE t.platform = has_heard_of.platform AND t.external_event_id = has_heard_of.external_event_id AND t.event_id IS NOT NULL)
        ELSE false END
$$;
COMMENT ON FUNCTION boxoffice.has_heard_of(text, text, text, text) IS 'Whether what a hint is about is known here: an order or event that is here, or an attendee of a linked event. Whoever has the secret of the webhook URL can make up as many others as they like.';
