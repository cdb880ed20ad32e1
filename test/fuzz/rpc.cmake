volta_fuzz(rpc LINK volta_rpc)
