volta_fuzz(scrape_targets LINK volta_prom)
