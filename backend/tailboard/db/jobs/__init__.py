"""Jobs as the board shows them and acts on them: lists, searches, single jobs, actions, workers; of every source."""
