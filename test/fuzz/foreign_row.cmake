volta_fuzz(foreign_row LINK volta_store)
