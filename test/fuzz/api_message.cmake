volta_fuzz(api_message LINK volta_api)
