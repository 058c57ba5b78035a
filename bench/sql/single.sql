\set i :i + 1
\set id :first + :client_id * :calls + :i
SELECT w.* FROM public.bench_bodies b, boxoffice.ingest_webhook('humanitix', b.headers, b.body) w WHERE b.id = :id;
