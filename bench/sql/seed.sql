\set i :i + 1
\set id :client_id * :calls + :i
BEGIN;
INSERT INTO seed.webhook_logs (platform, event_type, payload, signature, processed) SELECT 'humanitix', 'order.created', b.body::jsonb, b.headers ->> 'x-humanitix-signature', true FROM public.bench_bodies b WHERE b.id = :id;
INSERT INTO seed.ticket_sales (id, event_id, customer_name, customer_email, ticket_quantity, ticket_type, total_amount, currency, platform, platform_order_id, purchase_date, raw_data) SELECT md5('sale' || :id)::uuid, '7b0ce8b2-4f3d-4a5e-9c59-0d8a5f6f1a11', 'Amelia Placeholder', 'fan' || :id || '@example.com', 2, 'General Admission', 67.50, 'AUD', 'humanitix', 'ord_' || :id, '2026-03-01T09:59:00Z', b.body::jsonb FROM public.bench_bodies b WHERE b.id = :id;
INSERT INTO seed.attendees (ticket_sale_id, event_id, first_name, last_name, email, ticket_type, ticket_price, barcode, platform, platform_attendee_id) VALUES (md5('sale' || :id)::uuid, '7b0ce8b2-4f3d-4a5e-9c59-0d8a5f6f1a11', 'Amelia', 'Placeholder', 'fan' || :id || '@example.com', 'General Admission', 33.75, 'HX-' || :id || '-1', 'humanitix', 'att_' || :id || '_1'), (md5('sale' || :id)::uuid, '7b0ce8b2-4f3d-4a5e-9c59-0d8a5f6f1a11', 'Jack', 'Placeholder', 'guest' || :id || '@example.com', 'General Admission', 33.75, 'HX-' || :id || '-2', 'humanitix', 'att_' || :id || '_2');
COMMIT;
