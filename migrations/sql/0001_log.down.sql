DROP TABLE tailboard.changes, tailboard.leaves, tailboard.ticks, tailboard.epochs, tailboard.checkpoints,
    tailboard.sources, tailboard.settings;
DROP SEQUENCE tailboard.changes_seq, tailboard.bell;
