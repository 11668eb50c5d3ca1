-- How long a hold waits for its payment: half as long for each hold of the sale that the buyer let lapse, but a minute
-- at least (or the sale's own time, where that is shorter).
CREATE OR REPLACE FUNCTION seconds_to_pay(hold_seconds int, lapsed int) RETURNS int
LANGUAGE sql IMMUTABLE RETURN greatest(least(hold_seconds, 60), hold_seconds / power(2, least(lapsed, 10))::int);
