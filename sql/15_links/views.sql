-- Suggestions for links.

CREATE VIEW boxoffice.link_suggestions WITH (security_invoker = true) AS
SELECT s.platform, s.external_event_id, s.external_title, s.external_starts_at, s.event_id, s.event_title, s.event_starts_at, s.score
FROM boxoffice.suggest_links() s;
COMMENT ON VIEW boxoffice.link_suggestions IS 'Platform events that are not linked, and events of ours that they may be: for a person to accept with link_event(platform, external_event_id, event_id).';
COMMENT ON COLUMN boxoffice.link_suggestions.platform IS 'Name of the platform.';
COMMENT ON COLUMN boxoffice.link_suggestions.external_event_id IS 'The platform''s id of the event.';
COMMENT ON COLUMN boxoffice.link_suggestions.external_title IS 'Its title there.';
COMMENT ON COLUMN boxoffice.link_suggestions.external_starts_at IS 'Its start there.';
COMMENT ON COLUMN boxoffice.link_suggestions.event_id IS 'Our event.';
COMMENT ON COLUMN boxoffice.link_suggestions.event_title IS 'Its title here.';
COMMENT ON COLUMN boxoffice.link_suggestions.event_starts_at IS 'Its start here.';
COMMENT ON COLUMN boxoffice.link_suggestions.score IS 'Likeness from 0 to 1, by title, start and venue.';
