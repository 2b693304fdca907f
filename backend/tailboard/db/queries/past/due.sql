-- Whether it is `every` seconds ago that a fold was kept for the past, and `position` is beyond it.
SELECT NOT EXISTS (SELECT FROM tailboard.checkpoints
                    WHERE projection = 'past'
                      AND (position >= %(position)s OR at > clock_timestamp() - make_interval(secs => %(every)s)))
