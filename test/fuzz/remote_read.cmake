volta_fuzz(remote_read LINK volta_prom)
