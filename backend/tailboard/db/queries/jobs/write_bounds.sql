-- How a write to the built-in table runs: nobody is waited for long.
SELECT set_config('lock_timeout', '2s', true)
