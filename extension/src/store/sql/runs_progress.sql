-- Adds a page, or a list that was given up, to a run.
-- $1 run, $2 items, $3 items of the whole list (NULL: known already), $4 rows changed, $5 problems, $6 kind, $7 asked for at,
-- $8 it ends its list, $9 why it could not be read or applied, $10 new orders, $11 it was read, $12 the same as $9 for machines
UPDATE boxoffice.sync_history SET pages = pages + CASE WHEN $11 THEN 1 ELSE 0 END,
    progress_at = CASE WHEN $11 THEN clock_timestamp() ELSE progress_at END, new_orders = new_orders + $10, items = items + $2,
    expected_items = CASE WHEN $3 IS NULL THEN expected_items ELSE COALESCE(expected_items, 0) + $3 END,
    rows_changed = rows_changed + $4, problems = problems + $5,
    orders_from = CASE WHEN $6 = 'orders' THEN LEAST(orders_from, $7) ELSE orders_from END,
    tickets_from = CASE WHEN $6 = 'tickets' THEN LEAST(tickets_from, $7) ELSE tickets_from END,
    open_lists = open_lists - CASE WHEN $8 THEN 1 ELSE 0 END, error = COALESCE(error, $9), failure = COALESCE(failure, $12)
WHERE id = $1 RETURNING open_lists, status, error, failure
