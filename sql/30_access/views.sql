-- What this version knows of platforms.

CREATE VIEW boxoffice.platforms WITH (security_invoker = true) AS
SELECT p.name, p.title, p.authentication, p.signature_header, p.sends_deliveries, p.event_types, p.api_url, p.credential,
       p.credential_variable, p.calls_per_hour, p.has_organizations, p.has_locations, p.payout_days,
       p.set_up
FROM boxoffice._platforms() p;
COMMENT ON VIEW boxoffice.platforms IS 'The platforms that this version knows, and how each is set up. Compiled in; settings are in platform_settings.';
COMMENT ON COLUMN boxoffice.platforms.name IS 'The name by which everything here calls it.';
COMMENT ON COLUMN boxoffice.platforms.title IS 'The name that people know.';
COMMENT ON COLUMN boxoffice.platforms.authentication IS 'How its deliveries prove themselves unless platform_settings says otherwise: signature or path_token.';
COMMENT ON COLUMN boxoffice.platforms.signature_header IS 'Header with the signature unless platform_settings says otherwise.';
COMMENT ON COLUMN boxoffice.platforms.sends_deliveries IS 'Whether the platform itself sends webhooks; else only a bridge may.';
COMMENT ON COLUMN boxoffice.platforms.event_types IS 'The event types that it is known to send.';
COMMENT ON COLUMN boxoffice.platforms.api_url IS 'Where its API is; NULL: it is not asked.';
COMMENT ON COLUMN boxoffice.platforms.credential IS 'What the credential is called there.';
COMMENT ON COLUMN boxoffice.platforms.credential_variable IS 'The worker''s variable for the credential of the account default.';
COMMENT ON COLUMN boxoffice.platforms.calls_per_hour IS 'Most calls in an hour unless configure_account() says otherwise.';
COMMENT ON COLUMN boxoffice.platforms.has_organizations IS 'Whether accounts see several organizations, whose changes can be read as one list.';
COMMENT ON COLUMN boxoffice.platforms.has_locations IS 'Whether data is kept in several regions.';
COMMENT ON COLUMN boxoffice.platforms.payout_days IS 'Within how many days of the end of an event it pays out; NULL where it does not say.';
COMMENT ON COLUMN boxoffice.platforms.set_up IS 'What to do until the first sale arrives, step by step.';
