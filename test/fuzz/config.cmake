volta_fuzz(config LINK volta_app)
