volta_fuzz(sysfs LINK volta_collect)
