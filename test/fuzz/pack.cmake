volta_fuzz(pack LINK volta_store)
