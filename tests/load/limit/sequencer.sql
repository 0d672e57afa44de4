-- The sequencer, as the product's worker ran it when the limit was frozen: it gives committed events their positions.

--: connect
SET plan_cache_mode = force_generic_plan; SET enable_bitmapscan = off; SET enable_seqscan = off;
SET enable_mergejoin = off; SET enable_hashjoin = off

--: find
SELECT id FROM events WHERE position IS NULL ORDER BY created_at, id LIMIT $1

--: give
WITH counter AS (UPDATE feed SET last_position = last_position + $2 RETURNING last_position - $2 AS given)
UPDATE events e SET position = c.given + u.n FROM counter c, unnest($1::uuid[]) WITH ORDINALITY u (id, n)
WHERE e.id = u.id AND e.id >= $3 AND e.id <= $4 AND e.position IS NULL
