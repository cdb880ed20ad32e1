volta_fuzz(tls LINK volta_base)
