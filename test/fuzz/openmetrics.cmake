volta_fuzz(openmetrics LINK volta_prom)
