volta_fuzz(ages_file LINK volta_store)
