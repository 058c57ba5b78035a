-- For `make webhook`: the time, the body in base64, then a configuration file for curl.
\getenv platform PLATFORM
\getenv event EVENT
\getenv url BASE_URL
\getenv file BODY_FILE
SET log_min_error_statement = panic;
CREATE TEMPORARY TABLE sample AS SELECT * FROM boxoffice.sample_webhook(:'platform', :'event');
SELECT clock_timestamp();
SELECT translate(encode(convert_to(body, 'UTF8'), 'base64'), E'\n', '') FROM sample;
SELECT unnest(ARRAY[
    format('url = "%s%s"', :'url', path),
    format('data-binary = "@%s"', :'file'),
    'noproxy = "*"']) FROM sample;
-- Names with a colon are no headers: what the worker makes of the URL.
SELECT format('header = "%s: %s"', h.key, replace(replace(h.value, '\', '\\'), '"', '\"'))
FROM sample, jsonb_each_text(headers) h WHERE h.key NOT LIKE ':%';
