volta_fuzz(series_params LINK volta_api)
