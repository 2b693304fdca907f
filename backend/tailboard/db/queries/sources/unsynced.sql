-- The counts of adopted sources are to be taken anew.
UPDATE tailboard.sources SET synced = false WHERE NOT builtin AND synced
