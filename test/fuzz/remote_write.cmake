volta_fuzz(remote_write LINK volta_prom)
