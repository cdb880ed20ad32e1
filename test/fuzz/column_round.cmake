volta_fuzz(column_round LINK volta_store)
