volta_fuzz(prometheus_params LINK volta_api)
