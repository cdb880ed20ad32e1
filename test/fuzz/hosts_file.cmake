volta_fuzz(hosts_file LINK volta_fleet)
