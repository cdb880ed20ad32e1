volta_fuzz(query LINK volta_model)
