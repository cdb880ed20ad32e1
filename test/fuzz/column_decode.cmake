volta_fuzz(column_decode LINK volta_store)
