volta_fuzz(snappy_block LINK volta_prom)
