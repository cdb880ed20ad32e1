volta_fuzz(tier_codec LINK volta_store)
