\set i :i + 1
\set id :client_id * :calls + :i
SELECT w.* FROM public.bench_batches b, boxoffice.ingest_webhooks(b.platforms, b.headers, b.bodies) w WHERE b.id = :id;
