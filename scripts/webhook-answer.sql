-- For `make webhook`: outcome, log id and message of the worker's answer.
\getenv answer ANSWER
SELECT a ->> 'outcome', a ->> 'log_id', a ->> 'message' FROM (SELECT :'answer'::jsonb) x (a);
