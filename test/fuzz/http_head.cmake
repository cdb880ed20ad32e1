volta_fuzz(http_head LINK volta_http)
