volta_fuzz(exposition_text LINK volta_prom)
