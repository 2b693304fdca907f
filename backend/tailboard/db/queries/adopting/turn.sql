-- Waits until nobody else attaches a source of this name, and keeps them waiting until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('tailboard attach'), hashtext(%(name)s))
