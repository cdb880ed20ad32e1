volta_fuzz(spool LINK volta_uplink)
