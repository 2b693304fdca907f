-- Whether a place is the end of a tick that this database has: what was counted on a lost primary says nothing here.
SELECT EXISTS (SELECT FROM tailboard.ticks WHERE epoch = %(epoch)s AND first_position <= %(position)s::bigint + 1
                  AND first_position + n - 1 = %(position)s AND first_position > %(position)s::bigint - 500)
