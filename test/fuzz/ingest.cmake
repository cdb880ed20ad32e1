volta_fuzz(ingest LINK volta_fleet)
